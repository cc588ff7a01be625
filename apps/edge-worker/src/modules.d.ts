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
  export const loadModel: () => Promise<import('@hebb/runtime').Model>;
}
