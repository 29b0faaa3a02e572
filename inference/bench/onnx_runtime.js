// ONNX Runtime on a GPT-2 of random weights, beside //inference/bench:llm.
//
// Makes the graph of one decode step (KV cache in, KV cache out) and times ONNX Runtime on it, one token after another.
// Its npm package brings the library for this CPU; no post-install script is needed:
//
//   ONNXRUNTIME_NODE_INSTALL=skip npm install --ignore-scripts onnxruntime-node@1.30.0
//   NODE_PATH=$PWD/node_modules node inference/bench/onnx_runtime.js --quant=f32|int8|int4 --prompt=32 --tokens=128
//
// The graph is what ONNX Runtime's own optimiser makes of GPT-2, fused operators and all, so that nothing is left to it
// but to run them:
//   attention  com.microsoft.MultiHeadAttention with past and present keys and values
//   f32        MatMul, and Gemm for the tied head
//   int8       DynamicQuantizeLinear and MatMulInteger, u8 times i8, a scale a column; it fuses them with what follows
//   int4       com.microsoft.MatMulNBits, blocks of 32, accuracy level 4 (inputs are quantised to int8)
// The embedding stays f32. Prints one JSON object with the names of //inference/bench:llm: the median of --runs.
'use strict';
const ort = require('onnxruntime-node');

const GPT2 = {layers: 12, heads: 12, width: 768, ffn: 3072, vocab: 50257, positions: 1024};
const FLOAT = 1, UINT8 = 2, INT8 = 3, INT64 = 7;

// ---- Protocol buffers: a message is a list of chunks ----

function varint(value) {
  const bytes = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  return Buffer.from([...bytes, value]);
}
const tag = (field, wire) => varint(field * 8 + wire);
const sizeOf = (chunks) => chunks.reduce((sum, chunk) => sum + chunk.length, 0);
const int = (field, value) => [tag(field, 0), varint(value)];
const message = (field, chunks) => [tag(field, 2), varint(sizeOf(chunks)), ...chunks];
const text = (field, value) => message(field, [Buffer.from(value)]);
function float(field, value) {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return [tag(field, 5), bytes];
}

function tensor(name, type, dims, array) {
  const bytes = Buffer.from(array.buffer, array.byteOffset, array.byteLength);
  return [...dims.flatMap((dim) => int(1, dim)), ...int(2, type), ...text(8, name), ...message(9, [bytes])];
}
function attribute(name, value) {
  if (typeof value === 'object') return [...text(1, name), ...float(2, value.float), ...int(20, 1)];
  return [...text(1, name), ...int(3, value), ...int(20, 2)];
}
function value(name, type, dims) {
  const shape = dims.flatMap((dim) => message(1, typeof dim === 'string' ? text(2, dim) : int(1, dim)));
  return [...text(1, name), ...message(2, message(1, [...int(1, type), ...message(2, shape)]))];
}

// ---- The graph ----

class Graph {
  constructor() {
    this.chunks = [];
    this.next = 0;
    this.seed = 1;
  }

  initializer(type, dims, array) {
    const name = `w${this.next++}`;
    this.chunks.push(...message(5, tensor(name, type, dims, array)));
    return name;
  }
  node(op, inputs, {outputs = 1, domain = '', ...attributes} = {}) {
    const names = typeof outputs === 'number'
        ? Array.from({length: outputs}, () => `v${this.next++}`) : outputs;
    this.chunks.push(...message(1, [
      ...inputs.flatMap((name) => text(1, name)), ...names.flatMap((name) => text(2, name)), ...text(4, op),
      ...Object.entries(attributes).flatMap(([name, value]) => message(5, attribute(name, value))),
      ...text(7, domain)]));
    return names.length === 1 ? names[0] : names;
  }
  input(name, type, dims) { this.chunks.push(...message(11, value(name, type, dims))); }
  output(name, type, dims) { this.chunks.push(...message(12, value(name, type, dims))); }

  // In [-scale, scale).
  random(count, scale) {
    const array = new Float32Array(count);
    let state = this.seed++ * 2654435761 % 4294967296;
    for (let i = 0; i < count; ++i) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      array[i] = (state / 2147483648 - 1) * scale;
    }
    return array;
  }
  randomBytes(count) {
    const words = new Uint32Array(Math.ceil(count / 4));
    let state = this.seed++ * 2654435761 % 4294967296;
    for (let i = 0; i < words.length; ++i) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      words[i] = state ^ state >>> 16;  // the low bits of the state are not random
    }
    return new Uint8Array(words.buffer, 0, count);
  }

  model() {
    const opset = (domain, version) => message(8, [...text(1, domain), ...int(2, version)]);
    return Buffer.concat([...int(1, 8), ...opset('', 17), ...opset('com.microsoft', 1),
                          ...message(7, [...text(2, 'gpt2'), ...this.chunks])]);
  }
}

// x [1, 1, k] times random weights [k, n], of deviation 0.02 as GPT-2's.
const DEVIATION = 0.02, RANGE = DEVIATION * Math.sqrt(3);
const multiply = {
  f32(graph, x, k, n) {
    return graph.node('MatMul', [x, graph.initializer(FLOAT, [k, n], graph.random(k * n, RANGE))]);
  },
  int8(graph, x, k, n) {
    const bytes = new Int8Array(graph.randomBytes(k * n).buffer, 0, k * n);
    const weights = graph.initializer(INT8, [k, n], bytes);
    const scales = graph.initializer(FLOAT, [n], new Float32Array(n).fill(RANGE / 127));
    const zero = graph.initializer(INT8, [], new Int8Array(1));
    const [quantised, scale, offset] = graph.node('DynamicQuantizeLinear', [x], {outputs: 3});
    const sums = graph.node('MatMulInteger', [quantised, weights, offset, zero]);
    const both = graph.node('Mul', [scale, scales]);
    return graph.node('Mul', [graph.node('Cast', [sums], {to: FLOAT}), both]);
  },
  int4(graph, x, k, n) {
    const block = 32, blocks = k / block;
    const weights = graph.initializer(UINT8, [n, blocks, block / 2], graph.randomBytes(n * k / 2));
    const scales = graph.initializer(FLOAT, [n * blocks], new Float32Array(n * blocks).fill(RANGE / 8));
    return graph.node('MatMulNBits', [x, weights, scales],
                      {domain: 'com.microsoft', K: k, N: n, bits: 4, block_size: block, accuracy_level: 4});
  },
};

function gpt2(quant) {
  const {layers, heads, width, ffn, vocab, positions} = GPT2;
  const graph = new Graph(), times = multiply[quant];
  const cache = [1, heads, 'past', width / heads], grown = [1, heads, 'present', width / heads];
  const vector = (n, of) => graph.initializer(FLOAT, [n], new Float32Array(n).fill(of));
  const linear = (x, k, n) => graph.node('Add', [times(graph, x, k, n), vector(n, 0.01)]);
  const norm = (x) => graph.node('LayerNormalization', [x, vector(width, 1), vector(width, 0)],
                                 {axis: 2, epsilon: {float: 1e-5}});
  graph.input('token', INT64, [1, 1]);
  graph.input('position', INT64, [1, 1]);
  const embedding = graph.initializer(FLOAT, [vocab, width], graph.random(vocab * width, RANGE));
  const places = graph.initializer(FLOAT, [positions, width], graph.random(positions * width, RANGE));
  const third = graph.initializer(INT64, [3], new BigInt64Array(3).fill(BigInt(width)));
  let x = graph.node('Add', [graph.node('Gather', [embedding, 'token']), graph.node('Gather', [places, 'position'])]);
  for (let layer = 0; layer < layers; ++layer) {
    const [q, k, v] = graph.node('Split', [linear(norm(x), width, 3 * width), third], {outputs: 3, axis: 2});
    for (const part of ['key', 'value']) {
      graph.input(`past_${part}_${layer}`, FLOAT, cache);
      graph.output(`present_${part}_${layer}`, FLOAT, grown);
    }
    const [attended] = graph.node(
        'MultiHeadAttention', [q, k, v, '', '', '', `past_key_${layer}`, `past_value_${layer}`],
        {domain: 'com.microsoft', num_heads: heads,
         outputs: [`attended_${layer}`, `present_key_${layer}`, `present_value_${layer}`]});
    x = graph.node('Add', [x, linear(attended, width, width)]);
    const wide = times(graph, norm(x), width, ffn);
    const active = graph.node('FastGelu', [wide, vector(ffn, 0.01)], {domain: 'com.microsoft'});
    x = graph.node('Add', [x, linear(active, ffn, width)]);
  }
  graph.output('logits', FLOAT, quant === 'f32' ? [1, vocab] : [1, 1, vocab]);
  x = norm(x);
  if (quant === 'f32') {
    const row = graph.initializer(INT64, [2], new BigInt64Array([1n, BigInt(width)]));
    graph.node('Gemm', [graph.node('Reshape', [x, row]), embedding], {outputs: ['logits'], transB: 1});
  } else {
    graph.node('Identity', [times(graph, x, width, vocab)], {outputs: ['logits']});
  }
  return graph.model();
}

// ---- Timing ----

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

// Tokens a second, of the median of `tokens` steps after `prompt` tokens.
async function decode(session, prompt, tokens) {
  const {layers, heads, width, vocab} = GPT2;
  const dims = [1, heads, prompt, width / heads];
  const id = (of) => new ort.Tensor('int64', BigInt64Array.of(BigInt(of)), [1, 1]);
  const feeds = {};
  for (let layer = 0; layer < layers; ++layer) {
    for (const part of ['key', 'value'])
      feeds[`past_${part}_${layer}`] = new ort.Tensor('float32', new Float32Array(prompt * width).fill(0.1), dims);
  }
  const seconds = [];
  for (let step = 0; step < tokens; ++step) {
    const start = process.hrtime.bigint();
    feeds.token = id(step * 7919 % vocab);
    feeds.position = id(prompt + step);
    const results = await session.run(feeds);
    if (!results.logits.data.subarray(0, 64).every(Number.isFinite)) throw new Error('the logits are not finite');
    for (const name of Object.keys(results)) {
      if (name !== 'logits') feeds[name.replace('present', 'past')] = results[name];
    }
    seconds.push(Number(process.hrtime.bigint() - start) / 1e9);
  }
  return 1 / median(seconds);
}

async function main() {
  const options = {quant: 'f32', prompt: 32, tokens: 128, threads: 2, runs: 3};
  for (const argument of process.argv.slice(2)) {
    const [, name, given] = argument.match(/^--(\w+)=(\w+)$/) ?? [];
    if (!(name in options) || (name === 'quant' && !(given in multiply)))
      throw new Error(`${argument}: expected --quant=f32|int8|int4, --prompt=N, --tokens=N, --threads=N or --runs=N`);
    options[name] = name === 'quant' ? given : Number(given);
    if (name !== 'quant' && !(options[name] >= 1)) throw new Error(`${argument}: give a number, 1 or more`);
  }
  const {quant, prompt, tokens, threads, runs} = options;
  if (prompt + tokens > GPT2.positions) throw new Error(`--prompt and --tokens: above ${GPT2.positions} positions`);
  const session = await ort.InferenceSession.create(gpt2(quant), {
    intraOpNumThreads: threads, interOpNumThreads: 1, executionMode: 'sequential', graphOptimizationLevel: 'all'});
  await decode(session, prompt, 16);  // warms up
  const rates = [];
  for (let run = 0; run < runs; ++run) rates.push(await decode(session, prompt, tokens));
  console.log(JSON.stringify({peer: `ONNX Runtime ${ort.env.versions.node}`, shape: 'gpt2-124m', quant,
                              phase: 'decode', batch: 1, prompt, tokens, threads,
                              tokens_per_second: Number(median(rates).toFixed(2))}));
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
