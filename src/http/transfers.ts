/** Long transfers that are under way, so that a stop can wait for short ones and cut the long ones. */
export interface Transfer {
  readonly signal: AbortSignal;
  end(): void;
}

export interface Transfers {
  begin(): Transfer;
  /** Waits up to `graceMs` for all to end, then cuts the rest and waits for them to notice. */
  drain(graceMs: number): Promise<void>;
}

export function createTransfers(): Transfers {
  const running = new Map<AbortController, () => void>();
  const idle = (): Promise<void> =>
    running.size === 0
      ? Promise.resolve()
      : new Promise((resolve) => {
          const check = (): void => {
            if (running.size === 0) resolve();
            else setTimeout(check, 20);
          };
          check();
        });
  return {
    begin() {
      const controller = new AbortController();
      const end = (): void => {
        running.delete(controller);
      };
      running.set(controller, end);
      return { signal: controller.signal, end };
    },
    async drain(graceMs) {
      const cut = setTimeout(() => {
        for (const controller of running.keys()) controller.abort();
      }, graceMs);
      await idle();
      clearTimeout(cut);
    },
  };
}
