/** Tells listeners that something was written: the sweep looks for the next deadline, live views read on. Carries no data: truth is in the store. */
export interface Changes {
  notify(): void;
  /** @returns a function that takes the listener away again */
  listen(listener: () => void): () => void;
}

export function createChanges(): Changes {
  const listeners = new Set<() => void>();
  return {
    notify() {
      for (const listener of listeners) listener();
    },
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
