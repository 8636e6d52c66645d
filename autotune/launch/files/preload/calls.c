/* The calls of the C library that name a file: each finds where the name leads, prepares a change, and goes on with
 * the C library's own call. What cannot be told (find fails) goes on as it is. */
#include "view.h"

#include <alloca.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utime.h>

#define NEXT(name) \
    static __typeof__(&name) next; \
    if (!next) \
        next = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

#define MISSING(place) (!(place).there && (errno = errno ? errno : ENOENT, 1))

enum how { AS_IT_IS, TRANSLATED, FAILED };

/* Where a call that reads `path` is to look. */
static enum how read_from(int folder, const char *path, int follow, struct place *place)
{
    if (mode != REDIRECT || find(folder, path, follow, place) || place->kept)
        return AS_IT_IS;
    if (!place->there)
        return errno = errno == ENOTDIR ? ENOTDIR : ENOENT, FAILED;
    size_t length = strlen(place->file);
    if (path[strlen(path) - 1] == '/' && length + 1 < PATH_MAX)
        strcpy(place->file + length, "/");
    return TRANSLATED;
}

/* Where a call that writes `path` is to write. */
static enum how write_to(int folder, const char *path, int follow, int empty, struct place *place)
{
    if (mode == OFF || find(folder, path, follow, place) || place->kept)
        return AS_IT_IS;
    if (!place->name[0])
        return errno = errno == ENOTDIR ? ENOTDIR : ENOENT, FAILED;
    if (prepare(place, empty))
        return mode == WATCH ? AS_IT_IS : FAILED;
    return mode == WATCH ? AS_IT_IS : TRANSLATED;
}

/* For something new. */
static enum how make_at(int folder, const char *path, struct place *place)
{
    if (mode == REDIRECT && !find(folder, path, 0, place) && !place->kept && place->there)
        return errno = EEXIST, FAILED;
    return write_to(folder, path, 0, 0, place);
}

static int changes(int flags)
{
    return (flags & O_ACCMODE) != O_RDONLY || flags & (O_CREAT | O_TRUNC);
}

static enum how open_at(int folder, const char *path, int flags, struct place *place)
{
    int follow = !(flags & O_NOFOLLOW) && !(flags & O_CREAT && flags & O_EXCL);
    if (mode == OFF || !changes(flags) || flags & O_PATH)
        return read_from(folder, path, follow, place);
    if (find(folder, path, follow, place) || place->kept)
        return AS_IT_IS;
    if ((flags & O_TMPFILE) == O_TMPFILE)
        return mode == WATCH ? AS_IT_IS : prepare(place, 0) ? FAILED : TRANSLATED;
    if (place->there && flags & O_CREAT && flags & O_EXCL)
        return mode == WATCH ? AS_IT_IS : (errno = EEXIST, FAILED);
    if (place->there && (flags & O_ACCMODE) == O_RDONLY && !(flags & O_TRUNC))
        return mode == WATCH ? AS_IT_IS : TRANSLATED;
    if (!place->there && !(flags & O_CREAT))
        return errno = ENOENT, FAILED;
    return write_to(folder, path, follow, flags & O_TRUNC, place);
}

static int do_open(int folder, const char *path, int flags, mode_t rights)
{
    struct place place;
    enum how how = open_at(folder, path, flags, &place);
    if (how == FAILED)
        return -1;
    if (how == TRANSLATED)
        return syscall(SYS_openat, AT_FDCWD, place.file, flags, rights);
    return syscall(SYS_openat, folder, path, flags, rights);
}

static mode_t rights_of(int flags, va_list rest)
{
    return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(rest, mode_t) : 0;
}

#define OPEN(name) \
    int name(const char *path, int flags, ...) \
    { \
        va_list rest; \
        va_start(rest, flags); \
        mode_t rights = rights_of(flags, rest); \
        va_end(rest); \
        return do_open(AT_FDCWD, path, flags, rights); \
    }
#define OPENAT(name) \
    int name(int folder, const char *path, int flags, ...) \
    { \
        va_list rest; \
        va_start(rest, flags); \
        mode_t rights = rights_of(flags, rest); \
        va_end(rest); \
        return do_open(folder, path, flags, rights); \
    }
OPEN(open)
OPEN(open64)
OPEN(__open)
OPEN(__open64)
OPENAT(openat)
OPENAT(openat64)
int __open_2(const char *path, int flags) { return do_open(AT_FDCWD, path, flags, 0); }
int __open64_2(const char *path, int flags) { return do_open(AT_FDCWD, path, flags, 0); }
int __openat_2(int folder, const char *path, int flags) { return do_open(folder, path, flags, 0); }
int __openat64_2(int folder, const char *path, int flags) { return do_open(folder, path, flags, 0); }
int creat(const char *path, mode_t rights) { return do_open(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, rights); }
int creat64(const char *path, mode_t rights) { return do_open(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, rights); }

static int flags_of(const char *how)
{
    int flags = how[0] == 'r' ? O_RDONLY : how[0] == 'w' ? O_WRONLY | O_CREAT | O_TRUNC : O_WRONLY | O_CREAT | O_APPEND;
    const char *end = strchrnul(how, ',');
    if (memchr(how, '+', end - how))
        flags = (flags & ~O_ACCMODE) | O_RDWR;
    if (memchr(how, 'x', end - how))
        flags |= O_EXCL;
    return flags;
}

#define FOPEN(name) \
    FILE *name(const char *path, const char *how) \
    { \
        NEXT(name); \
        struct place place; \
        enum how found = open_at(AT_FDCWD, path, flags_of(how), &place); \
        return found == FAILED ? NULL : next(found == TRANSLATED ? place.file : path, how); \
    }
#define FREOPEN(name) \
    FILE *name(const char *path, const char *how, FILE *file) \
    { \
        NEXT(name); \
        struct place place; \
        enum how found = path ? open_at(AT_FDCWD, path, flags_of(how), &place) : AS_IT_IS; \
        return found == FAILED ? NULL : next(found == TRANSLATED ? place.file : path, how, file); \
    }
FOPEN(fopen)
FOPEN(fopen64)
FREOPEN(freopen)
FREOPEN(freopen64)

/* -------- looking -------- */

static int do_stat(int folder, const char *path, void *status, int flags)
{
    struct place place;
    enum how how = path && path[0] ? read_from(folder, path, !(flags & AT_SYMLINK_NOFOLLOW), &place) : AS_IT_IS;
    if (how == FAILED)
        return -1;
    if (how == TRANSLATED)
        return syscall(SYS_newfstatat, AT_FDCWD, place.file, status, flags);
    return syscall(SYS_newfstatat, folder, path, status, flags);
}

#define STAT(name, type, flags) \
    int name(const char *path, struct type *status) { return do_stat(AT_FDCWD, path, status, flags); }
#define XSTAT(name, type, flags) \
    int name(int version, const char *path, struct type *status) { return do_stat(AT_FDCWD, path, status, flags); }
STAT(stat, stat, 0)
STAT(stat64, stat64, 0)
STAT(lstat, stat, AT_SYMLINK_NOFOLLOW)
STAT(lstat64, stat64, AT_SYMLINK_NOFOLLOW)
XSTAT(__xstat, stat, 0)
XSTAT(__xstat64, stat64, 0)
XSTAT(__lxstat, stat, AT_SYMLINK_NOFOLLOW)
XSTAT(__lxstat64, stat64, AT_SYMLINK_NOFOLLOW)
int fstatat(int folder, const char *path, struct stat *status, int flags) { return do_stat(folder, path, status, flags); }
int fstatat64(int folder, const char *path, struct stat64 *status, int flags) { return do_stat(folder, path, status, flags); }
int __fxstatat(int version, int folder, const char *path, struct stat *status, int flags)
{
    return do_stat(folder, path, status, flags);
}
int __fxstatat64(int version, int folder, const char *path, struct stat64 *status, int flags)
{
    return do_stat(folder, path, status, flags);
}

int statx(int folder, const char *path, int flags, unsigned mask, struct statx *status)
{
    struct place place;
    enum how how = path && path[0] ? read_from(folder, path, !(flags & AT_SYMLINK_NOFOLLOW), &place) : AS_IT_IS;
    if (how == FAILED)
        return -1;
    return how == TRANSLATED ? syscall(SYS_statx, AT_FDCWD, place.file, flags, mask, status)
                             : syscall(SYS_statx, folder, path, flags, mask, status);
}

/* A call whose first argument is a path that it only reads. */
#define READS(type, failure, name, follow, parameters, arguments) \
    type name parameters \
    { \
        NEXT(name); \
        struct place place; \
        enum how how = read_from(AT_FDCWD, path, follow, &place); \
        if (how == FAILED) \
            return failure; \
        if (how == TRANSLATED) \
            path = place.file; \
        return next arguments; \
    }
/* The same with the folder that the path is relative to. */
#define READS_AT(type, name, follow, parameters, arguments) \
    type name parameters \
    { \
        NEXT(name); \
        struct place place; \
        enum how how = path && path[0] ? read_from(folder, path, follow, &place) : AS_IT_IS; \
        if (how == FAILED) \
            return -1; \
        if (how == TRANSLATED) { \
            folder = AT_FDCWD; \
            path = place.file; \
        } \
        return next arguments; \
    }
READS(int, -1, access, 1, (const char *path, int wish), (path, wish))
READS(int, -1, eaccess, 1, (const char *path, int wish), (path, wish))
READS(int, -1, euidaccess, 1, (const char *path, int wish), (path, wish))
READS(int, -1, chdir, 1, (const char *path), (path))
READS(int, -1, statfs, 1, (const char *path, struct statfs *status), (path, status))
READS(int, -1, statfs64, 1, (const char *path, struct statfs64 *status), (path, status))
READS(int, -1, statvfs, 1, (const char *path, struct statvfs *status), (path, status))
READS(int, -1, statvfs64, 1, (const char *path, struct statvfs64 *status), (path, status))
READS(long, -1, pathconf, 1, (const char *path, int name), (path, name))
READS(ssize_t, -1, readlink, 0, (const char *path, char *target, size_t size), (path, target, size))
READS(ssize_t, -1, getxattr, 1, (const char *path, const char *name, void *value, size_t size), (path, name, value, size))
READS(ssize_t, -1, lgetxattr, 0, (const char *path, const char *name, void *value, size_t size), (path, name, value, size))
READS(ssize_t, -1, listxattr, 1, (const char *path, char *names, size_t size), (path, names, size))
READS(ssize_t, -1, llistxattr, 0, (const char *path, char *names, size_t size), (path, names, size))
READS_AT(int, faccessat, !(flags & AT_SYMLINK_NOFOLLOW), (int folder, const char *path, int wish, int flags), (folder, path, wish, flags))
READS_AT(ssize_t, readlinkat, 0, (int folder, const char *path, char *target, size_t size), (folder, path, target, size))

char *getcwd(char *name, size_t size)
{
    NEXT(getcwd);
    name = next(name, size);
    if (name && mode == REDIRECT)
        own_view(name);
    return name;
}

char *get_current_dir_name(void) { return getcwd(NULL, 0); }

char *realpath(const char *path, char *resolved)
{
    NEXT(realpath);
    struct place place;
    enum how how = path ? read_from(AT_FDCWD, path, 1, &place) : AS_IT_IS;
    if (how == FAILED)
        return NULL;
    if (how == AS_IT_IS)
        return next(path, resolved);
    return resolved ? strcpy(resolved, place.name) : strdup(place.name);
}

char *__realpath_chk(const char *path, char *resolved, size_t size) { return realpath(path, resolved); }
char *canonicalize_file_name(const char *path) { return realpath(path, NULL); }

/* -------- changing -------- */

/* A call whose first argument is a path that it changes. */
#define WRITES(name, follow, parameters, arguments) \
    int name parameters \
    { \
        NEXT(name); \
        struct place place; \
        if (mode == REDIRECT && !find(AT_FDCWD, path, follow, &place) && !place.kept && !place.there) \
            return errno = ENOENT, -1; \
        enum how how = write_to(AT_FDCWD, path, follow, 0, &place); \
        if (how == FAILED) \
            return -1; \
        if (how == TRANSLATED) \
            path = place.file; \
        return next arguments; \
    }
#define WRITES_AT(name, follow, parameters, arguments) \
    int name parameters \
    { \
        NEXT(name); \
        struct place place; \
        if (mode == REDIRECT && !find(folder, path, follow, &place) && !place.kept && !place.there) \
            return errno = ENOENT, -1; \
        enum how how = path && path[0] ? write_to(folder, path, follow, 0, &place) : AS_IT_IS; \
        if (how == FAILED) \
            return -1; \
        if (how == TRANSLATED) { \
            folder = AT_FDCWD; \
            path = place.file; \
        } \
        return next arguments; \
    }
WRITES(truncate, 1, (const char *path, off_t length), (path, length))
WRITES(truncate64, 1, (const char *path, off64_t length), (path, length))
WRITES(chmod, 1, (const char *path, mode_t rights), (path, rights))
WRITES(chown, 1, (const char *path, uid_t user, gid_t group), (path, user, group))
WRITES(lchown, 0, (const char *path, uid_t user, gid_t group), (path, user, group))
WRITES(utime, 1, (const char *path, const struct utimbuf *times), (path, times))
WRITES(utimes, 1, (const char *path, const struct timeval times[2]), (path, times))
WRITES(lutimes, 0, (const char *path, const struct timeval times[2]), (path, times))
WRITES(setxattr, 1, (const char *path, const char *name, const void *value, size_t size, int flags), (path, name, value, size, flags))
WRITES(lsetxattr, 0, (const char *path, const char *name, const void *value, size_t size, int flags), (path, name, value, size, flags))
WRITES(removexattr, 1, (const char *path, const char *name), (path, name))
WRITES_AT(fchmodat, !(flags & AT_SYMLINK_NOFOLLOW), (int folder, const char *path, mode_t rights, int flags), (folder, path, rights, flags))
WRITES_AT(fchownat, !(flags & AT_SYMLINK_NOFOLLOW), (int folder, const char *path, uid_t user, gid_t group, int flags), (folder, path, user, group, flags))
WRITES_AT(utimensat, !(flags & AT_SYMLINK_NOFOLLOW), (int folder, const char *path, const struct timespec times[2], int flags), (folder, path, times, flags))
WRITES_AT(futimesat, 1, (int folder, const char *path, const struct timeval times[2]), (folder, path, times))

/* -------- making -------- */

static int do_mkdir(int folder, const char *path, mode_t rights)
{
    struct place place;
    char marker[PATH_MAX];
    enum how how = make_at(folder, path, &place);
    if (how == FAILED)
        return -1;
    if (how == AS_IT_IS)
        return syscall(SYS_mkdirat, folder, path, rights);
    int result = syscall(SYS_mkdirat, AT_FDCWD, place.file, rights);
    if (!result && is_below(&place) && snprintf(marker, PATH_MAX, "%s/" OPAQUE, place.file) < PATH_MAX)
        syscall(SYS_symlinkat, OPAQUE, AT_FDCWD, marker);
    return result;
}

int mkdir(const char *path, mode_t rights) { return do_mkdir(AT_FDCWD, path, rights); }
int mkdirat(int folder, const char *path, mode_t rights) { return do_mkdir(folder, path, rights); }

static int do_mknod(int folder, const char *path, mode_t rights, dev_t device)
{
    struct place place;
    enum how how = make_at(folder, path, &place);
    if (how == FAILED)
        return -1;
    return how == TRANSLATED ? syscall(SYS_mknodat, AT_FDCWD, place.file, rights, device)
                             : syscall(SYS_mknodat, folder, path, rights, device);
}

int mknod(const char *path, mode_t rights, dev_t device) { return do_mknod(AT_FDCWD, path, rights, device); }
int mknodat(int folder, const char *path, mode_t rights, dev_t device) { return do_mknod(folder, path, rights, device); }
int mkfifo(const char *path, mode_t rights) { return do_mknod(AT_FDCWD, path, rights | S_IFIFO, 0); }
int mkfifoat(int folder, const char *path, mode_t rights) { return do_mknod(folder, path, rights | S_IFIFO, 0); }

static int do_symlink(const char *target, int folder, const char *path)
{
    struct place place;
    enum how how = make_at(folder, path, &place);
    if (how == FAILED)
        return -1;
    return how == TRANSLATED ? syscall(SYS_symlinkat, target, AT_FDCWD, place.file)
                             : syscall(SYS_symlinkat, target, folder, path);
}

int symlink(const char *target, const char *path) { return do_symlink(target, AT_FDCWD, path); }
int symlinkat(const char *target, int folder, const char *path) { return do_symlink(target, folder, path); }

static int make_named(char *template, int after, int flags, int as_folder)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    size_t length = strlen(template);
    if (after < 0 || length < 6 + (size_t)after || strncmp(template + length - after - 6, "XXXXXX", 6))
        return errno = EINVAL, -1;
    for (int attempt = 0; attempt < 1000; attempt++) {
        unsigned char random[6];
        if (syscall(SYS_getrandom, random, sizeof random, 0) < 0)
            return -1;
        for (int i = 0; i < 6; i++)
            template[length - after - 6 + i] = letters[random[i] % (sizeof letters - 1)];
        int made = as_folder ? do_mkdir(AT_FDCWD, template, 0700)
                             : do_open(AT_FDCWD, template, (flags & ~O_ACCMODE) | O_RDWR | O_CREAT | O_EXCL, 0600);
        if (made >= 0 || errno != EEXIST)
            return made;
    }
    return -1;
}

#define MKSTEMP(suffix) \
    int mkstemp##suffix(char *template) { return make_named(template, 0, 0, 0); } \
    int mkostemp##suffix(char *template, int flags) { return make_named(template, 0, flags, 0); } \
    int mkstemps##suffix(char *template, int after) { return make_named(template, after, 0, 0); } \
    int mkostemps##suffix(char *template, int after, int flags) { return make_named(template, after, flags, 0); }
MKSTEMP()
MKSTEMP(64)
char *mkdtemp(char *template) { return make_named(template, 0, 0, 1) < 0 ? NULL : template; }

/* -------- removing and renaming -------- */

static int is_empty(const char *name)
{
    DIR *folder = opendir(name);
    struct dirent *entry;
    int count = 0;
    if (!folder)
        return 1;
    while ((entry = readdir(folder)))
        count += strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
    closedir(folder);
    return !count;
}

static void empty_layer_folder(const char *file)
{
    /* Nothing but marks is left in it. */
    char inside[PATH_MAX];
    static DIR *(*next_opendir)(const char *);
    static struct dirent *(*next_readdir)(DIR *);
    if (!next_opendir)
        next_opendir = dlsym(RTLD_NEXT, "opendir");
    if (!next_readdir)
        next_readdir = dlsym(RTLD_NEXT, "readdir");
    DIR *folder = next_opendir(file);
    struct dirent *entry;
    while (folder && (entry = next_readdir(folder)))
        if (snprintf(inside, PATH_MAX, "%s/%s", file, entry->d_name) < PATH_MAX)
            syscall(SYS_unlinkat, AT_FDCWD, inside, 0);
    if (folder)
        closedir(folder);
}

static int do_remove(int folder, const char *path, int flags)
{
    struct place place;
    char file[PATH_MAX];
    if (mode == OFF || find(folder, path, 0, &place) || place.kept)
        return syscall(SYS_unlinkat, folder, path, flags);
    if (!place.there)
        return errno = errno == ENOTDIR ? ENOTDIR : ENOENT, -1;
    if (mode == WATCH) {
        int wrong = !(flags & AT_REMOVEDIR) != !S_ISDIR(place.status.st_mode);
        if (!wrong)
            prepare(&place, 0);
        return syscall(SYS_unlinkat, folder, path, flags);
    }
    if (flags & AT_REMOVEDIR && !S_ISDIR(place.status.st_mode))
        return errno = ENOTDIR, -1;
    if (!(flags & AT_REMOVEDIR) && S_ISDIR(place.status.st_mode))
        return errno = EISDIR, -1;
    if (flags & AT_REMOVEDIR && !is_empty(place.name))
        return errno = ENOTEMPTY, -1;
    if (may_change_folder(&place))
        return -1;
    if (place.layer == UPPER || place.layers & BIT(UPPER)) {
        if (snprintf(file, PATH_MAX, "%s%s", prefix[UPPER], place.name) >= PATH_MAX)
            return errno = ENAMETOOLONG, -1;
        if (flags & AT_REMOVEDIR)
            empty_layer_folder(file);
        if (syscall(SYS_unlinkat, AT_FDCWD, file, flags))
            return -1;
    }
    return hide(&place);
}

int unlink(const char *path) { return do_remove(AT_FDCWD, path, 0); }
int unlinkat(int folder, const char *path, int flags) { return do_remove(folder, path, flags); }
int rmdir(const char *path) { return do_remove(AT_FDCWD, path, AT_REMOVEDIR); }

int remove(const char *path)
{
    int result = unlink(path);
    return result && errno == EISDIR ? rmdir(path) : result;
}

static int do_rename(int from_folder, const char *from, int to_folder, const char *to, unsigned flags)
{
    struct place old, new;
    char marker[PATH_MAX];
    if (mode == OFF || find(from_folder, from, 0, &old) || find(to_folder, to, 0, &new) || (old.kept && new.kept))
        return syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
    if (mode == WATCH) {
        if (!old.kept && old.there && S_ISDIR(old.status.st_mode))
            leave_word("-renamed");
        int error = errno;
        if (!old.kept && old.there && S_ISDIR(old.status.st_mode))
            bring_tree(&old);
        else if (!old.kept)
            prepare(&old, 0);
        if (!new.kept)
            prepare(&new, 0);
        errno = error;
        return syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
    }
    if (old.kept || new.kept)
        return errno = EXDEV, -1;
    if (!old.there || !new.name[0])
        return errno = ENOENT, -1;
    if (flags & RENAME_NOREPLACE && new.there)
        return errno = EEXIST, -1;
    if (flags & ~RENAME_NOREPLACE)
        return errno = EINVAL, -1;
    if (!strcmp(old.name, new.name))
        return 0;
    int is_folder = S_ISDIR(old.status.st_mode);
    if (new.there && S_ISDIR(new.status.st_mode) && (!is_folder || !is_empty(new.name)))
        return errno = is_folder ? ENOTEMPTY : EISDIR, -1;
    if (new.there && is_folder && !S_ISDIR(new.status.st_mode))
        return errno = ENOTDIR, -1;
    if (may_change_folder(&old) || may_change_folder(&new))
        return -1;
    if (is_folder ? bring_tree(&old) : prepare(&old, 0))
        return -1;
    /* The new name is taken in UPPER alone: what it hides is hidden by it, or by its mark of opacity. */
    if (snprintf(old.file, PATH_MAX, "%s%s", prefix[UPPER], old.name) >= PATH_MAX || prepare(&new, 1))
        return -1;
    snprintf(new.file, PATH_MAX, "%s%s", prefix[UPPER], new.name);
    if (is_folder && new.there)
        empty_layer_folder(new.file);
    if (syscall(SYS_renameat2, AT_FDCWD, old.file, AT_FDCWD, new.file, 0))
        return -1;
    if (is_folder && is_below(&new) && snprintf(marker, PATH_MAX, "%s/" OPAQUE, new.file) < PATH_MAX)
        syscall(SYS_symlinkat, OPAQUE, AT_FDCWD, marker);
    return hide(&old);
}

int rename(const char *from, const char *to) { return do_rename(AT_FDCWD, from, AT_FDCWD, to, 0); }
int renameat(int from_folder, const char *from, int to_folder, const char *to)
{
    return do_rename(from_folder, from, to_folder, to, 0);
}
int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags)
{
    return do_rename(from_folder, from, to_folder, to, flags);
}

static int do_link(int from_folder, const char *from, int to_folder, const char *to, int flags)
{
    struct place old, new;
    if (mode == OFF || find(from_folder, from, !!(flags & AT_SYMLINK_FOLLOW), &old) || find(to_folder, to, 0, &new))
        return syscall(SYS_linkat, from_folder, from, to_folder, to, flags);
    if (mode == WATCH) {
        /* Whatever is written to the new name later is written to the old one, too. */
        if (!old.kept)
            prepare(&old, 0);
        if (!new.kept)
            prepare(&new, 0);
        return syscall(SYS_linkat, from_folder, from, to_folder, to, flags);
    }
    if (old.kept != new.kept)
        return errno = EXDEV, -1;
    if (old.kept)
        return syscall(SYS_linkat, from_folder, from, to_folder, to, flags);
    if (!old.there)
        return errno = ENOENT, -1;
    if (new.there)
        return errno = EEXIST, -1;
    if (prepare(&old, 0) || prepare(&new, 0))
        return -1;
    return syscall(SYS_linkat, AT_FDCWD, old.file, AT_FDCWD, new.file, flags);
}

int link(const char *from, const char *to) { return do_link(AT_FDCWD, from, AT_FDCWD, to, 0); }
int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags)
{
    return do_link(from_folder, from, to_folder, to, flags);
}

/* -------- sockets -------- */

/* A socket's name has no room for a layer's folder: it goes by the number of an open folder. */
static int by_number(struct place *place, struct sockaddr_un *address)
{
    char *base = strrchr(place->file, '/');
    *base = 0;
    int folder = syscall(SYS_openat, AT_FDCWD, place->file, O_PATH | O_CLOEXEC, 0);
    if (folder >= 0 && snprintf(address->sun_path, sizeof address->sun_path, "/proc/self/fd/%d/%s", folder, base + 1) >= (int)sizeof address->sun_path) {
        close(folder);
        folder = -1;
        errno = ENAMETOOLONG;
    }
    return folder;
}

static int do_socket(int number, const struct sockaddr *address, socklen_t length, long call, int makes)
{
    struct place place;
    struct sockaddr_un other = {.sun_family = AF_UNIX};
    const struct sockaddr_un *local = (const struct sockaddr_un *)address;
    if (mode == OFF || !address || address->sa_family != AF_UNIX || length <= sizeof(sa_family_t) || !local->sun_path[0])
        return syscall(call, number, address, length);
    char path[sizeof local->sun_path + 1];
    snprintf(path, sizeof path, "%.*s", (int)(length - sizeof(sa_family_t)), local->sun_path);
    enum how how = makes ? make_at(AT_FDCWD, path, &place) : read_from(AT_FDCWD, path, 1, &place);
    if (how == FAILED)
        return errno = errno == EEXIST ? EADDRINUSE : errno, -1;
    if (how == AS_IT_IS || (!makes && place.layer == REAL))
        return syscall(call, number, address, length);
    int folder = by_number(&place, &other);
    if (folder < 0)
        return -1;
    int result = syscall(call, number, &other, sizeof other);
    int error = errno;
    close(folder);
    errno = error;
    return result;
}

int bind(int number, const struct sockaddr *address, socklen_t length)
{
    return do_socket(number, address, length, SYS_bind, 1);
}
int connect(int number, const struct sockaddr *address, socklen_t length)
{
    return do_socket(number, address, length, SYS_connect, 0);
}

/* -------- other programs -------- */

static const char *program(const char *path, struct place *place)
{
    return path && strchr(path, '/') && read_from(AT_FDCWD, path, 1, place) == TRANSLATED && place->layer != REAL ? place->file : path;
}

/* A script that starts a program in an environment of its own must not leave the view. */
static const char *const ours[] = {"LD_PRELOAD=", "AUTOTUNE_FILES_KEPT=", "AUTOTUNE_FILES_BEFORE=", "AUTOTUNE_FILES_UPPER="};
#define OURS 4

static int with_ours(char *const *environment, char **more, int count)
{
    int added = 0;
    for (int i = 0; i < count; i++)
        more[i] = environment[i];
    for (int k = 0; k < OURS; k++) {
        size_t length = strlen(ours[k]);
        int there = 0;
        for (int i = 0; i < count && !there; i++)
            there = !strncmp(environment[i], ours[k], length);
        for (char **own = environ; !there && own && *own; own++)
            if (!strncmp(*own, ours[k], length)) {
                more[count + added++] = *own;
                break;
            }
    }
    more[count + added] = NULL;
    return added;
}

#define COMPLETE(environment) \
    int count = 0; \
    while ((environment) && (environment)[count]) \
        count++; \
    char **complete = alloca((count + OURS + 1) * sizeof(char *)); \
    with_ours(environment, complete, count)

int execve(const char *path, char *const arguments[], char *const environment[])
{
    NEXT(execve);
    struct place place;
    if (mode == OFF)
        return next(path, arguments, environment);
    COMPLETE(environment);
    return next(program(path, &place), arguments, complete);
}

int execvpe(const char *path, char *const arguments[], char *const environment[])
{
    NEXT(execvpe);
    struct place place;
    if (mode == OFF)
        return next(path, arguments, environment);
    COMPLETE(environment);
    return next(program(path, &place), arguments, complete);
}

int execv(const char *path, char *const arguments[]) { return execve(path, arguments, environ); }
int execvp(const char *path, char *const arguments[]) { return execvpe(path, arguments, environ); }

#define ARGUMENTS(first) \
    va_list rest; \
    int count_of = 1; \
    va_start(rest, first); \
    while (va_arg(rest, char *)) \
        count_of++; \
    va_end(rest); \
    char **arguments = alloca((count_of + 1) * sizeof(char *)); \
    arguments[0] = (char *)first; \
    va_start(rest, first); \
    for (int i = 1; i <= count_of; i++) \
        arguments[i] = va_arg(rest, char *)

int execl(const char *path, const char *first, ...)
{
    ARGUMENTS(first);
    va_end(rest);
    return execve(path, arguments, environ);
}
int execlp(const char *path, const char *first, ...)
{
    ARGUMENTS(first);
    va_end(rest);
    return execvpe(path, arguments, environ);
}
int execle(const char *path, const char *first, ...)
{
    ARGUMENTS(first);
    char *const *environment = va_arg(rest, char *const *);
    va_end(rest);
    return execve(path, arguments, environment);
}

#define SPAWN(name) \
    int name(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *how, \
             char *const arguments[], char *const environment[]) \
    { \
        NEXT(name); \
        struct place place; \
        if (mode == OFF) \
            return next(pid, path, actions, how, arguments, environment); \
        COMPLETE(environment); \
        return next(pid, program(path, &place), actions, how, arguments, complete); \
    }
SPAWN(posix_spawn)
SPAWN(posix_spawnp)

/* The loader looks at who asks: the call must be the last thing here, a jump and no call of ours. */
static const char *library(const char *path)
{
    static __thread char file[PATH_MAX];
    struct place place;
    const char *found = mode == REDIRECT && path && path[0] ? program(path, &place) : path;
    return found == path ? path : strcpy(file, found);
}

__attribute__((optimize("O2"))) void *dlopen(const char *path, int flags)
{
    NEXT(dlopen);
    path = library(path);
    return next(path, flags);
}
