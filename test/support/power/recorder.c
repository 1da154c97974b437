/*
 * Records what a process does to the files of one folder, in the order in which it happens, so that a program can rebuild
 * what a loss of power would have left (rebuild.ts). Loaded with LD_PRELOAD. Syncs are recorded, not carried out.
 *
 *   POWER_FOLDER   the folder, without links
 *   POWER_JOURNAL  the file to record to, elsewhere
 *
 * A number written to a file whose name ends in .fail makes so many of the next syncs of files ending in -wal fail.
 *
 * A record is a line, and for W so many bytes behind it. Files are named by inode, names by path.
 *   C ino path      made or opened          W ino offset length
 *   T ino length    truncated               S ino   synced        F ino   a sync failed
 *   U path          removed                 R path path   renamed           D   a folder was synced
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define FDS 4096
/* 0: not in the folder; -1: a folder. */
static long inodes[FDS];
static char kinds[FDS]; /* 1: a write-ahead log; 2: the file that makes syncs fail */
static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static int journal = -1;
static int failures = 0;

static const char *folder(void) {
  const char *value = getenv("POWER_FOLDER");
  return value == NULL ? "/nowhere/at/all" : value;
}

static int is_inside(const char *path) {
  size_t length = strlen(folder());
  return path != NULL && strncmp(path, folder(), length) == 0 && (path[length] == '/' || path[length] == 0);
}

static void put(const void *bytes, size_t length) {
  const char *at = bytes;
  while (length > 0) {
    long done = syscall(SYS_write, journal, at, length);
    if (done <= 0) abort();
    at += done;
    length -= (size_t)done;
  }
}

static void record(const char *format, ...) {
  char line[8192];
  va_list values;
  va_start(values, format);
  int length = vsnprintf(line, sizeof line, format, values);
  va_end(values);
  if (journal < 0) {
    journal = (int)syscall(SYS_openat, AT_FDCWD, getenv("POWER_JOURNAL"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  }
  put(line, (size_t)length);
}

static int ends_in(const char *path, const char *end) {
  size_t length = strlen(path), ending = strlen(end);
  return length >= ending && strcmp(path + length - ending, end) == 0;
}

static int opened(int fd, const char *path) {
  if (fd < 0 || fd >= FDS) return fd;
  int before = errno;
  pthread_mutex_lock(&lock);
  inodes[fd] = 0;
  struct stat info;
  if (is_inside(path) && fstat(fd, &info) == 0) {
    kinds[fd] = ends_in(path, "-wal") ? 1 : ends_in(path, ".fail") ? 2 : 0;
    if (S_ISDIR(info.st_mode)) inodes[fd] = -1;
    else if (!ends_in(path, "-shm")) {
      inodes[fd] = (long)info.st_ino;
      record("C %ld %s\n", inodes[fd], path);
      if (info.st_size == 0) record("T %ld 0\n", inodes[fd]);
    }
  }
  pthread_mutex_unlock(&lock);
  errno = before;
  return fd;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define OPEN(name)                                                     \
  int name(const char *path, int flags, ...) {                         \
    va_list values;                                                    \
    va_start(values, flags);                                           \
    int mode = va_arg(values, int);                                    \
    va_end(values);                                                    \
    pthread_mutex_lock(&lock);                                         \
    int fd = opened(REAL(name)(path, flags, mode), path);              \
    pthread_mutex_unlock(&lock);                                       \
    return fd;                                                         \
  }
OPEN(open)
OPEN(open64)

int openat(int at, const char *path, int flags, ...) {
  va_list values;
  va_start(values, flags);
  int mode = va_arg(values, int);
  va_end(values);
  return opened(REAL(openat)(at, path, flags, mode), path);
}

int close(int fd) {
  pthread_mutex_lock(&lock);
  if (fd >= 0 && fd < FDS) inodes[fd] = 0;
  int result = REAL(close)(fd);
  pthread_mutex_unlock(&lock);
  return result;
}

static ssize_t written(int fd, const void *bytes, ssize_t length, off64_t offset) {
  if (length > 0 && kinds[fd] == 2) failures = atoi(bytes);
  else if (length > 0 && inodes[fd] > 0) {
    record("W %ld %lld %zd\n", inodes[fd], (long long)offset, length);
    put(bytes, (size_t)length);
  }
  return length;
}

static int is_kept(int fd) { return fd >= 0 && fd < FDS && inodes[fd] != 0; }

#define PWRITE(name, type)                                                         \
  ssize_t name(int fd, const void *bytes, size_t length, type offset) {            \
    if (!is_kept(fd)) return REAL(name)(fd, bytes, length, offset);                \
    pthread_mutex_lock(&lock);                                                     \
    ssize_t result = written(fd, bytes, REAL(name)(fd, bytes, length, offset), offset); \
    pthread_mutex_unlock(&lock);                                                   \
    return result;                                                                 \
  }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

ssize_t write(int fd, const void *bytes, size_t length) {
  if (!is_kept(fd)) return REAL(write)(fd, bytes, length);
  pthread_mutex_lock(&lock);
  ssize_t result = REAL(write)(fd, bytes, length);
  if (result > 0) written(fd, bytes, result, lseek64(fd, 0, SEEK_CUR) - result);
  pthread_mutex_unlock(&lock);
  return result;
}

#define TRUNCATE(name, type)                                   \
  int name(int fd, type length) {                              \
    if (!is_kept(fd)) return REAL(name)(fd, length);           \
    pthread_mutex_lock(&lock);                                 \
    int result = REAL(name)(fd, length);                       \
    if (result == 0 && inodes[fd] > 0) record("T %ld %lld\n", inodes[fd], (long long)length); \
    pthread_mutex_unlock(&lock);                               \
    return result;                                             \
  }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

static int synced(int fd) {
  int result = 0;
  pthread_mutex_lock(&lock);
  if (inodes[fd] == -1) record("D\n");
  else {
    if (kinds[fd] == 1 && failures > 0) {
      failures--;
      record("F %ld\n", inodes[fd]);
      errno = EIO;
      result = -1;
    } else record("S %ld\n", inodes[fd]);
  }
  pthread_mutex_unlock(&lock);
  return result;
}

int fsync(int fd) { return is_kept(fd) ? synced(fd) : REAL(fsync)(fd); }
int fdatasync(int fd) { return is_kept(fd) ? synced(fd) : REAL(fdatasync)(fd); }

int unlink(const char *path) {
  if (!is_inside(path)) return REAL(unlink)(path);
  pthread_mutex_lock(&lock);
  int result = REAL(unlink)(path);
  if (result == 0) record("U %s\n", path);
  pthread_mutex_unlock(&lock);
  return result;
}

int rename(const char *from, const char *to) {
  if (!is_inside(from)) return REAL(rename)(from, to);
  pthread_mutex_lock(&lock);
  int result = REAL(rename)(from, to);
  if (result == 0) record("R %s %s\n", from, to);
  pthread_mutex_unlock(&lock);
  return result;
}
