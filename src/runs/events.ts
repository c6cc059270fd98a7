/** placeholder until the catalogue is written (next commit) */
export type EventCode = string;
