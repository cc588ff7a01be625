/** Wrangler's module rules: an .onnx file arrives as its bytes, the card beside it as text. */
declare module '*.onnx' {
  const bytes: ArrayBuffer;
  export default bytes;
}
declare module '*.card' {
  const text: string;
  export default text;
}
/** What `hebb compile` writes; it need not be there while types are checked. */
declare module '*/compiled/index.js' {
  import type { Model } from '@hebb/runtime';
  export const loadModel: () => Promise<Model>;
}
declare module '*/generator/index.js' {
  import type { Model } from '@hebb/runtime';
  export const loadModel: () => Promise<Model>;
}
