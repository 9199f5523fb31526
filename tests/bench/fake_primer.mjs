#!/usr/bin/env node
// Stands in for primer: answers at once, with the same figures always. FAKE_HANG is a file to which
// it writes its process id, and then it hangs.
import {writeFileSync} from "node:fs";

const [, , command, ...options] = process.argv;
const has = name => options.includes(name);
const limits = {memory_limit_bytes_s: 40e9, int8_limit_ops_s: 2e12, f32_limit_flop_s: 4e11};
if (command === "--version") {
    console.log("primer 9.9 (avx512, 2 threads)");
} else if (command === "inspect") {
    console.log(JSON.stringify({metadata: {"general.architecture": "phi2", "phi2.block_count": 2,
        "phi2.embedding_length": 512}, file_bytes: 1, read_bytes_per_token: 1}));
} else if (has("--limits-only")) {
    console.log(JSON.stringify(limits));
} else if (process.env.FAKE_HANG) {
    writeFileSync(process.env.FAKE_HANG, String(process.pid));
    setInterval(() => {}, 1000);
} else {
    console.log(JSON.stringify({prompt_tok_s: 200, generate_tok_s: 30, weight_bytes_per_token: 1e9,
        kv_bytes_per_token: 0, operations_per_prompt_token: 5e9, level: "avx512"}));
}
