/** Files that people take for ONNX models: worth a better message than "malformed at byte 3". */

const SIGNATURES: readonly (readonly [offset: number, signature: string, what: string])[] = [
  [
    0,
    'version https://git-lfs',
    'it is a Git LFS pointer; fetch the file itself with `git lfs pull`',
  ],
  [4, 'ORTM', 'it is in the ORT format of ONNX Runtime; convert the original .onnx file'],
  [4, 'TFL3', 'it is a TensorFlow Lite model'],
  [0, 'PK\x03\x04', 'it is a zip archive (a PyTorch, Keras or NumPy file?); export to ONNX first'],
  [0, '\x89HDF', 'it is an HDF5 file (Keras?); export to ONNX first'],
  [0, '\x80\x02', 'it is a Python pickle; export to ONNX first'],
  [0, '\x1f\x8b', 'it is compressed with gzip'],
  [0, '\x89PNG', 'it is a PNG image'],
  [0, '<', 'it is a text or HTML page'],
  [0, '{', 'it is JSON text'],
];

/** What `bytes`, which did not read as an ONNX model, seem to be. */
export function knownSignature(bytes: Uint8Array): string | undefined {
  if (bytes.byteLength === 0) return 'it is empty';
  for (const [offset, signature, what] of SIGNATURES) {
    const start = String.fromCharCode(...bytes.subarray(offset, offset + signature.length));
    if (start === signature) return what;
  }
  return undefined;
}
