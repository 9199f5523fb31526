// modules.mjs - lets the tests import packages by their bare names from where tests/npm/install put them
// (PRIMER_MODULES holds node_modules). For `node --import`; the same file is the hook and its registration.
import {register} from "node:module";
import {isMainThread} from "node:worker_threads";
import {join} from "node:path";
import {pathToFileURL} from "node:url";

const folder = process.env.PRIMER_MODULES;
const parent = folder && pathToFileURL(join(folder, "any.mjs")).href;

export async function resolve(name, context, next) {
    const ours = context.parentURL?.includes("/tests/server/");
    const bare = !/^(\.|\/|[a-z]+:)/.test(name);
    return next(name, ours && bare && parent ? {...context, parentURL: parent} : context);
}

if (isMainThread) register(import.meta.url);
