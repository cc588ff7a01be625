import { compileGraph, formatProgram } from '@hebb/compiler';
import { lstm, decoder } from './models.ts';
const { graph, donated } =
  process.argv[2] === 'd'
    ? decoder({ batch: 8, tokens: 64, width: 128, heads: 4, layers: 4, vocabulary: 65 })
    : lstm(3, 4, 5, 6);
for (let i = 0; i < 5; i++) {
  const t = performance.now();
  compileGraph(graph, { donated });
  console.log(performance.now() - t);
}
console.log(graph.nodes.length);
console.log(formatProgram(compileGraph(graph, { donated }), { code: process.argv[3] === '-c' }));
