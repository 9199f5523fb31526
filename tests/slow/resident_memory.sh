#!/bin/bash
# The Phi-2 shape in Q4_0 runs with under 150 MB of resident memory beyond the file and the KV
# cache: a prompt of 512 tokens, 32 generated, watched from outside every 5 ms; the most counts.
#
#     resident = all mapped pages in memory - those of the model's file - the KV cache
. "$(dirname "$0")/../peer/peer.bash"
need=4000000 # KiB for the file and some air
free=$(df --output=avail "$folder" | tail -n 1)
[ "$free" -ge $need ] ||
    skip "$((free / 1024)) MiB are free for temporary files, $((need / 1024)) needed"
memory=$(sed -n 's/^MemAvailable: *\([0-9]*\) kB/\1/p' /proc/meminfo)
[ "${memory:-$need}" -ge $((need * 3 / 4)) ] ||
    skip "$((memory / 1024)) MiB of memory are available, $((need * 3 / 4096)) needed"
"$build/make-model" "$folder/phi-2.gguf" --shape phi2 --type Q4_0
python3 - "$primer" "$folder/phi-2.gguf" <<'PYTHON'
import json, os, re, subprocess, sys, time
program, model = sys.argv[1:]
prompt, generated, limit = 512, 32, 150e6
command = [program, "bench", model, "-p", str(prompt), "-n", str(generated), "--runs", "1",
           "--no-limits", "--json"] # to measure limits the file would be mapped once more
process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

def resident(pid):
    """Bytes in memory: (of the model's file, of everything else)."""
    of_file = other = 0
    inside = False
    with open(f"/proc/{pid}/smaps", encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
                inside = os.path.basename(model) in line
            elif line.startswith("Rss:"):
                size = int(line.split()[1]) * 1024
                of_file, other = of_file + size * inside, other + size * (not inside)
    return of_file, other

samples = []
while process.poll() is None:
    try:
        samples.append(resident(process.pid))
    except (ProcessLookupError, FileNotFoundError):
        break
    time.sleep(0.005)
out, complaint = process.communicate()
assert process.returncode == 0, complaint.decode()
report = json.loads(out)
# 32 layers x (key and value of 2,560 dimensions) x 2 bytes, in pages of 64 positions.
pages = -(-(prompt + generated) // 64)
kv = pages * 64 * 32 * 2 * 2560 * 2
of_file, other = max(s[0] for s in samples), max(s[1] for s in samples)
beyond = other - kv
print(f"{len(samples)} samples; file {of_file / 1e6:.0f} MB, other {other / 1e6:.1f} MB, of it "
      f"KV cache {kv / 1e6:.1f} MB; beyond {beyond / 1e6:.1f} MB")
assert len(samples) > 20, "too few samples"
assert of_file > 1.4e9, "the file was not mapped"
assert of_file < 1.6e9, "the file is mapped more than once"
assert report["kv_bytes"] == kv, (report["kv_bytes"], kv)
assert 0 < beyond < limit, f"{beyond / 1e6:.1f} MB, expected under {limit / 1e6:.0f}"
PYTHON
