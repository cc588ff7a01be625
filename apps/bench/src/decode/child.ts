/** A contender in a process of its own: writes a text each time it is asked. */
import { hebbWriter, ortWriter } from './contenders.ts';
import type { Answer } from './decode.ts';

const [name = '', threads = '1', file = ''] = process.argv.slice(2);
const answer = (message: Answer): void => void process.send!(message);
try {
  const writer = await (name.startsWith('hebb')
    ? hebbWriter(Number(threads))
    : ortWriter(Number(threads), file));
  process.on('message', () => {
    writer.write().then(answer, (error: unknown) => answer({ error: String(error) }));
  });
  answer({});
} catch (error) {
  answer({ error: String(error) });
}
