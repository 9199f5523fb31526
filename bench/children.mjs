// The processes and unfinished files of a measurement, so that an interruption leaves neither.
import {rmSync} from "node:fs";

const processes = new Set(), unfinished = new Set();

export function track(child) {
    processes.add(child);
    child.on("close", () => processes.delete(child));
    child.on("error", () => processes.delete(child));
    return child;
}

// A file or folder that is worth nothing until `finished` is called.
export function begun(path) {
    unfinished.add(path);
    return path;
}

export function finished(path) {
    unfinished.delete(path);
}

function cleanUp() {
    for (const child of processes) child.kill("SIGKILL");
    for (const path of unfinished) rmSync(path, {recursive: true, force: true});
}

// On Ctrl-C and the like: children end, half-written files go, the exit status is that of the
// signal. Rounds that were finished are kept: they are on disk already.
export function cleanUpOnSignals() {
    for (const [signal, status] of [["SIGINT", 130], ["SIGTERM", 143], ["SIGHUP", 129]])
        process.on(signal, () => {
            cleanUp();
            console.error("\ninterrupted; the same command goes on from here");
            process.exit(status);
        });
    process.on("exit", cleanUp);
}
