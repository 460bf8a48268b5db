import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { fileFailure, InputError } from '../../input-error.ts';
import { decodeManifest, type ManifestText } from '../../kubernetes/manifest/manifest-encoding.ts';

/** A file with manifests, as it was read. */
export interface ManifestFile extends ManifestText {
  /** Its name in messages: its path, or `stdin`. */
  readonly name: string;
}

/** What kubectl takes for a manifest in a folder. */
const EXTENSION = /\.(?:ya?ml|json)$/;

/**
 * Reads what `-f` names: a file, `-` for stdin, or the manifests of a folder, without its subfolders, as kubectl does.
 *
 * @throws {InputError} When a file cannot be read; it lists each of them.
 */
export async function readManifestFiles(names: readonly string[]): Promise<ManifestFile[]> {
  const paths = await settled(names.map(filesAt));
  return await settled(paths.flat().map(readOne));
}

async function filesAt(name: string): Promise<string[]> {
  if (name === '-') return [name];
  const entry = await stat(name).catch((error: unknown) => unreadable(name, error));
  if (!entry.isDirectory()) return [name];
  const found = await readdir(name, { withFileTypes: true });
  const files = found.filter((each) => !each.isDirectory() && EXTENSION.test(each.name));
  if (files.length === 0) {
    throw new InputError([{ place: name, reason: 'a folder without .yaml, .yml or .json' }]);
  }
  return files.map((each) => join(name, each.name)).toSorted();
}

async function readOne(path: string): Promise<ManifestFile> {
  if (path === '-')
    return { name: 'stdin', ...decodeManifest(await buffer(process.stdin), 'stdin') };
  const octets = await readFile(path).catch((error: unknown) => unreadable(path, error));
  return { name: path, ...decodeManifest(octets, path) };
}

function unreadable(place: string, error: unknown): never {
  throw new InputError([{ place, reason: fileFailure(error) }]);
}

/** All results, or one error with the problems of every failure. */
async function settled<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  const results = await Promise.allSettled(promises);
  const failures = results.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []));
  const other = failures.find((failure) => !(failure instanceof InputError));
  if (other !== undefined) throw other;
  if (failures.length > 0) {
    throw new InputError(failures.flatMap((failure: InputError) => failure.problems));
  }
  return results.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
}
