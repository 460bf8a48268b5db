/** A pod that is not shaped as the API says; its message names the place: `spec.containers[1].name: 5, not a string`. */
export class PodError extends Error {
  override readonly name = 'PodError';
}
