/** Files by a button, and by dropping them anywhere on the page. */
import { button } from './controls.ts';
import { el } from './dom.ts';

export interface FileOptions {
  /** As of `<input accept>`: `image/*`, `.onnx`. */
  readonly accept?: string;
  readonly multiple?: boolean;
  readonly take: (files: readonly File[]) => void;
  readonly signal: AbortSignal;
}

/** A button that opens the system's choice of files; what is dropped on the page goes the same way. */
export function filePicker(
  label: string,
  { accept, multiple, take, signal }: FileOptions,
): HTMLElement {
  const input = el('input', { type: 'file', accept, multiple, hidden: true, 'aria-label': label });
  input.addEventListener('change', () => {
    const files = [...(input.files ?? [])];
    // The same file may be chosen again.
    input.value = '';
    if (files.length > 0) take(files);
  });
  const { body } = document;
  const over = (event: DragEvent): void => {
    if (!event.dataTransfer?.types.includes('Files')) return;
    event.preventDefault();
    body.classList.toggle('dropping', event.type === 'dragover');
  };
  addEventListener('dragover', over, { signal });
  addEventListener('dragleave', over, { signal });
  addEventListener(
    'drop',
    (event) => {
      over(event);
      const files = [...(event.dataTransfer?.files ?? [])];
      if (files.length > 0) take(multiple ? files : files.slice(0, 1));
    },
    { signal },
  );
  return el(
    'span',
    { class: 'file-picker' },
    button(label, () => input.click()),
    input,
  );
}
