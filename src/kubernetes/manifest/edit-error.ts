/** A place in a document that cannot be changed as it is written. */
export class EditError extends Error {
  override readonly name = 'EditError';
  /** In the document's text. */
  readonly offset: number;

  constructor(offset: number, message: string) {
    super(message);
    this.offset = offset;
  }
}
