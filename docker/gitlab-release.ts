import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A project of GitLab, as a job knows it. */
export interface GitLabProject {
  /** `CI_API_V4_URL`. */
  readonly api: string;
  /** `CI_PROJECT_ID`. */
  readonly id: string;
  /** `CI_JOB_TOKEN`. */
  readonly token: string;
}

/**
 * Keeps the files of a release in the project's package registry, and makes a release of GitLab that links to them.
 *
 * @param folder - With the files, `RELEASE_NOTES.md` among them.
 * @throws {Error} With what GitLab answered, when it refuses.
 * @see https://docs.gitlab.com/api/releases/
 */
export async function releaseOnGitLab(
  { api, id, token }: GitLabProject,
  { tag, folder }: { readonly tag: string; readonly folder: string },
): Promise<void> {
  const project = `${api}/projects/${encodeURIComponent(id)}`;
  const send = async (
    url: string,
    method: string,
    type: string,
    body: string | Uint8Array<ArrayBuffer>,
  ): Promise<void> => {
    const headers = { 'JOB-TOKEN': token, 'Content-Type': type };
    const response = await fetch(url, { method, headers, body });
    if (!response.ok)
      throw new Error(`${method} ${url}: ${response.status} ${await response.text()}`);
  };
  const links: { readonly name: string; readonly url: string }[] = [];
  for (const name of readdirSync(folder).sort()) {
    const url = `${project}/packages/generic/sidestub/${tag.replace(/^v/, '')}/${name}`;
    await send(url, 'PUT', 'application/octet-stream', readFileSync(join(folder, name)));
    links.push({ name, url });
  }
  const description = readFileSync(join(folder, 'RELEASE_NOTES.md'), 'utf8');
  const release = { tag_name: tag, name: tag, description, assets: { links } };
  await send(`${project}/releases`, 'POST', 'application/json', JSON.stringify(release));
}
