/** A state to report to the service manager. @see sd_notify(3) */
export type ServiceState = 'READY=1' | 'STOPPING=1';

/**
 * Reports the state to systemd, when it asks for that (`Type=notify`, `NotifyAccess=all`).
 *
 * Node has no AF_UNIX datagram sockets, so a child process sends it; without `NOTIFY_SOCKET` none is started.
 *
 * @param onFailure - Called when it could not be sent: systemd would then treat the start as failed.
 */
export function tellService(
  state: ServiceState,
  env: Readonly<Record<string, string | undefined>>,
  onFailure: (reason: string) => void,
): void {
  if ((env['NOTIFY_SOCKET'] ?? '') === '') return;
  const { execFile } = process.getBuiltinModule('node:child_process');
  execFile('systemd-notify', [state], { env: { ...env } }, (error) => {
    if (error !== null) onFailure(error.message);
  });
}
