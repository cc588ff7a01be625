/** A network that the person trained, for the drawing page; as long as the tab is open. */
export interface KeptNetwork {
  readonly name: string;
  /** As `encodeTensors` writes it, with the architecture in its metadata. */
  readonly bytes: Uint8Array;
}

let kept: KeptNetwork | undefined;

export const keptNetwork = (): KeptNetwork | undefined => kept;
export const keepNetwork = (network: KeptNetwork): void => void (kept = network);
