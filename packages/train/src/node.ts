/** What needs a file system: checkpoints on disk, TensorBoard event files, HTML reports. */
export { checkpointFolder } from './node/checkpoint-folder.ts';
export type { CheckpointFolderOptions } from './node/checkpoint-folder.ts';
export { encodeImage, pictureFolder } from './node/picture-folder.ts';
export { TensorBoard, tensorBoard } from './node/tensorboard.ts';
export { reportHtml, writeReport } from './node/write-report.ts';
export type { ReportContent, ReportPicture, ReportSample } from './report/report.ts';
