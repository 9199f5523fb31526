// gguf.mjs - a copy of a GGUF with texts and numbers added to its metadata: a model that carries a chat template.
//
//     magic, version, tensor count, value count | values | tensors' descriptions | fill | data
//                                         + n   |   ^ new ones at the end        |  to the alignment
//
// (GGUF specification, ggml/docs/gguf.md; version 3.) Descriptions hold offsets from the data's begin, which
// stay as they are.
import {readFileSync, writeFileSync} from "node:fs";

const SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8};
const TEXT = 8, LIST = 9;

class Reader {
    constructor(bytes) {
        this.bytes = bytes;
        this.at = 0;
    }
    u32() { return this.bytes.readUInt32LE((this.at += 4) - 4); }
    u64() { return Number(this.bytes.readBigUInt64LE((this.at += 8) - 8)); }
    text() {
        const length = this.u64();
        return this.bytes.toString("utf8", this.at, this.at += length);
    }
    // Passes over a value; gives it where it is a whole number of four bytes.
    value(type) {
        if (type === TEXT) return this.text();
        if (type === LIST) {
            const inner = this.u32(), count = this.u64();
            for (let i = 0; i < count; i++) this.value(inner);
            return undefined;
        }
        this.at += SIZES[type];
        return type === 4 ? this.bytes.readUInt32LE(this.at - 4) : undefined;
    }
}

function text(value) {
    const bytes = Buffer.from(value), length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(bytes.length));
    return Buffer.concat([length, bytes]);
}

const word = number => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(number);
    return bytes;
};
const typed = value => typeof value === "number" ? [word(4), word(value)] : [word(TEXT), text(value)];

// added: {key: text or number}; a key that is there already is added once more, so name new ones.
export function addMetadata(from, to, added) {
    const reader = new Reader(readFileSync(from));
    if (reader.u32() !== 0x46554747 || reader.u32() !== 3) throw new Error(`${from}: no GGUF of version 3`);
    const tensors = reader.u64(), values = reader.u64();
    let alignment = 32;
    for (let i = 0; i < values; i++) {
        const key = reader.text(), value = reader.value(reader.u32());
        if (key === "general.alignment") alignment = value;
    }
    const valuesEnd = reader.at;
    for (let i = 0; i < tensors; i++) {
        reader.text();
        const dimensions = reader.u32();
        reader.at += 8 * dimensions + 4 + 8; // the type, the offset
    }
    const {bytes, at: descriptionsEnd} = reader;
    const fill = size => Math.ceil(size / alignment) * alignment - size;
    const head = Buffer.from(bytes.subarray(0, valuesEnd));
    head.writeBigUInt64LE(BigInt(values + Object.keys(added).length), 16);
    const more = Object.entries(added).flatMap(([key, value]) => [text(key), ...typed(value)]);
    const front = Buffer.concat([head, ...more, bytes.subarray(valuesEnd, descriptionsEnd)]);
    writeFileSync(to, Buffer.concat([front, Buffer.alloc(fill(front.length)),
        bytes.subarray(descriptionsEnd + fill(descriptionsEnd))]));
}
