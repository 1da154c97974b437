/**
 * Failures of file operations, in words.
 */
const problems: Readonly<Record<string, string>> = {
  EEXIST: "it is there already",
  EACCES: "access is denied",
  EISDIR: "it is a folder",
  EMFILE: "too many files are open",
  ENOENT: "there is no such file or folder",
  ENOSPC: "no space is left on the disk",
  ENOTDIR: "a part of its path is not a folder",
  EPERM: "access is denied",
  EROFS: "the disk is read-only",
  Z_BUF_ERROR: "its gzip data ends too early",
  Z_DATA_ERROR: "its gzip data is damaged",
};

/** What a file operation failed with, in words. */
export function fileProblem(error: unknown): string {
  const { code = "", message } = error as NodeJS.ErrnoException;
  return problems[code] ?? message;
}
