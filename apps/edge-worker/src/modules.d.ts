/** Wrangler's module rules: an .onnx file arrives as its bytes. */
declare module '*.onnx' {
  const bytes: ArrayBuffer;
  export default bytes;
}
