/* Finds paths in the three layers, and copies between them. Uses system calls of its own only: the names that the C
 * library has for them lead back into this library. */
#include "view.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

#define MOST_LINKS 40
#define MOST_KEPT 64
#define DEEPEST 256
#define REMOVED "autotune: removed"

enum mode mode = OFF;
const char *prefix[LAYERS] = {"", "", ""};
static char *kept[MOST_KEPT];
static int kept_count;
/* What MPI libraries make in the folder for temporary files, for all ranks: sockets with short names among them. */
static const char *const sessions[] = {"ompi.*", "prte*", "pmix*", "openmpi-sessions*", "psm*", "ucx*", "hydra*", "mpich*", NULL};

static const char *temporary[] = {"/tmp", "/var/tmp", ""};

static int sys_lstat(const char *file, struct stat *status)
{
    return syscall(SYS_newfstatat, AT_FDCWD, file, status, AT_SYMLINK_NOFOLLOW);
}

static int sys_open(const char *file, int flags, mode_t rights)
{
    return syscall(SYS_openat, AT_FDCWD, file, flags | O_CLOEXEC, rights);
}

static int sys_unlink(const char *file)
{
    return syscall(SYS_unlinkat, AT_FDCWD, file, 0);
}

static int sys_mkdir(const char *file, mode_t rights)
{
    return syscall(SYS_mkdirat, AT_FDCWD, file, rights);
}

static ssize_t sys_readlink(const char *file, char *target, size_t size)
{
    ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, file, target, size - 1);
    if (length >= 0)
        target[length] = 0;
    return length;
}

void leave_word(const char *name)
{
    char file[PATH_MAX];
    if (mode == WATCH && snprintf(file, PATH_MAX, "%s%s", prefix[BEFORE], name) < PATH_MAX)
        close(sys_open(file, O_WRONLY | O_CREAT, 0600));
}

__attribute__((constructor)) static void begin(void)
{
    char *upper = getenv("AUTOTUNE_FILES_UPPER"), *before = getenv("AUTOTUNE_FILES_BEFORE");
    char *names = getenv("AUTOTUNE_FILES_KEPT");
    if (!before || !names)
        return;
    prefix[BEFORE] = strdup(before);
    if (upper)
        prefix[UPPER] = strdup(upper);
    names = strdup(names);
    char *folder = getenv("TMPDIR");
    if (folder && (folder = realpath(folder, NULL)))
        temporary[2] = folder;
    for (char *rest, *name = strtok_r(names, "\n", &rest); name && kept_count < MOST_KEPT; name = strtok_r(NULL, "\n", &rest))
        kept[kept_count++] = name;
    mode = upper ? REDIRECT : WATCH;
    char name[32];
    snprintf(name, sizeof name, "-seen/%d", (int)getpid());
    leave_word(name);
}

static int is_kept(const char *name)
{
    for (int i = 0; i < kept_count; i++)
        if (!strcmp(name, kept[i]))
            return 1;
    const char *base = strrchr(name, '/') + 1;
    size_t folder = base - 1 - name;
    for (int i = 0; i < 3; i++) {
        if (strlen(temporary[i]) != folder || strncmp(name, temporary[i], folder))
            continue;
        for (int k = 0; sessions[k]; k++)
            if (!fnmatch(sessions[k], base, 0))
                return 1;
    }
    return 0;
}

static int join(char *target, const char *before, const char *after)
{
    return snprintf(target, PATH_MAX, "%s%s", before, after) < PATH_MAX ? 0 : (errno = ENAMETOOLONG, -1);
}

int is_mark(const char *file, const struct stat *status)
{
    char target[sizeof REMOVED + 1];
    if (S_ISCHR(status->st_mode))
        return status->st_rdev == makedev(0, 0);
    if (!S_ISLNK(status->st_mode) || status->st_size != sizeof REMOVED - 1)
        return 0;
    return sys_readlink(file, target, sizeof target) > 0 && !strcmp(target, REMOVED);
}

static int is_opaque(enum layer layer, const char *file)
{
    char marker[PATH_MAX];
    struct stat status;
    return layer != REAL && !join(marker, file, "/" OPAQUE) && !sys_lstat(marker, &status);
}

int own_view(char *name)
{
    for (enum layer layer = UPPER; layer < REAL; layer++) {
        size_t length = strlen(prefix[layer]);
        if (length && !strncmp(name, prefix[layer], length) && (name[length] == '/' || !name[length])) {
            memmove(name, name[length] ? name + length : "/", name[length] ? strlen(name + length) + 1 : 2);
            return 1;
        }
    }
    return 0;
}

/* What the layers `among` show as `name`: the uppermost layer that has it, or LAYERS. */
static enum layer look(const char *name, unsigned among, struct stat *status, unsigned *merged)
{
    enum layer first = LAYERS;
    char file[PATH_MAX];
    *merged = 0;
    for (enum layer layer = UPPER; layer < LAYERS; layer++) {
        struct stat here;
        if (!(among & BIT(layer)) || join(file, prefix[layer], name))
            continue;
        if (sys_lstat(file, &here)) {
            if (errno != ENOENT && errno != ENOTDIR)
                return first;
            continue;
        }
        if (layer != REAL && is_mark(file, &here)) {
            errno = ENOENT;
            return first;
        }
        if (first == LAYERS) {
            first = layer;
            *status = here;
        }
        if (!S_ISDIR(here.st_mode))
            return first;
        *merged |= BIT(layer);
        if (layer == REAL)
            *status = here; /* a layer's folders have no times of their own */
        if (is_opaque(layer, file))
            return first;
    }
    return first;
}

static void settle(struct place *found)
{
    enum layer layer = !found->there ? UPPER : found->layer;
    if (found->there && S_ISDIR(found->status.st_mode) && found->layers & BIT(REAL))
        layer = REAL;
    if (mode == WATCH)
        layer = REAL;
    if (join(found->file, prefix[layer], found->name))
        found->file[0] = 0;
}

static int begin_at(int folder, const char *path, char *rest)
{
    char start[PATH_MAX] = "", link[64];
    if (path[0] != '/') {
        snprintf(link, sizeof link, folder == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", folder);
        if (sys_readlink(link, start, sizeof start) < 0 || start[0] != '/')
            return -1;
        own_view(start);
    }
    return snprintf(rest, PATH_MAX, "%s/%s", start, path) < PATH_MAX ? 0 : -1;
}

static int walk(char *rest, int follow, struct place *found)
{
    unsigned stack[DEEPEST];
    int depth = 0, links = 0;
    char target[PATH_MAX], next[PATH_MAX], link[PATH_MAX];
    stack[0] = mode == WATCH ? BIT(REAL) : BIT(UPPER) | BIT(BEFORE) | BIT(REAL);
    found->name[0] = 0;
    found->there = 1;
    found->layer = REAL;
    found->layers = found->around = stack[0];
    found->status.st_mode = S_IFDIR;
    while (*(rest += strspn(rest, "/"))) {
        size_t length = strcspn(rest, "/"), end = strlen(found->name);
        char *after = rest + length;
        int last = !after[strspn(after, "/")];
        if (length == 1 && rest[0] == '.') {
            rest = after;
            continue;
        }
        if (length == 2 && !strncmp(rest, "..", 2)) {
            char *slash = strrchr(found->name, '/');
            if (slash)
                *slash = 0;
            depth -= depth > 0;
            found->layers = stack[depth];
            found->around = stack[depth ? depth - 1 : 0];
            found->status.st_mode = S_IFDIR;
            found->layer = REAL;
            rest = after;
            continue;
        }
        if (!S_ISDIR(found->status.st_mode) || depth + 1 >= DEEPEST || end + length + 2 > PATH_MAX) {
            errno = S_ISDIR(found->status.st_mode) ? ENAMETOOLONG : ENOTDIR;
            found->there = 0;
            found->name[0] = 0;
            return 0;
        }
        found->name[end] = '/';
        memcpy(found->name + end + 1, rest, length);
        found->name[end + 1 + length] = 0;
        if (is_kept(found->name)) {
            found->kept = 1;
            return 0;
        }
        unsigned merged;
        errno = ENOENT;
        enum layer layer = look(found->name, stack[depth], &found->status, &merged);
        found->around = stack[depth];
        if (layer == LAYERS) {
            if (errno != ENOENT && errno != ENOTDIR)
                return -1;
            found->there = 0;
            if (!last)
                found->name[0] = 0;
            return 0;
        }
        found->layer = layer;
        found->layers = merged;
        if (S_ISLNK(found->status.st_mode) && (!last || follow)) {
            char file[PATH_MAX];
            if (++links > MOST_LINKS || join(file, prefix[layer], found->name) || sys_readlink(file, link, sizeof link) < 0)
                return -1;
            if (snprintf(next, PATH_MAX, "%s%s", link, after) >= PATH_MAX)
                return -1;
            found->name[end] = 0;
            if (link[0] == '/') {
                found->name[0] = 0;
                depth = 0;
            }
            found->status.st_mode = S_IFDIR;
            found->layers = stack[depth];
            rest = strcpy(target, next);
            continue;
        }
        stack[++depth] = merged;
        rest = after;
    }
    if (!found->name[0])
        strcpy(found->name, "/");
    return 0;
}

int find(int folder, const char *path, int follow, struct place *found)
{
    char rest[PATH_MAX];
    int error = errno;
    found->kept = 0;
    if (!path || !path[0] || begin_at(folder, path, rest) || walk(rest, follow, found)) {
        errno = error;
        return -1;
    }
    if (!found->kept)
        settle(found);
    if (found->there)
        errno = error;
    return 0;
}

static int make_folders(const char *layer, const char *name)
{
    char file[PATH_MAX];
    struct stat status;
    if (join(file, layer, name))
        return -1;
    for (char *at = file + strlen(layer) + 1; (at = strchr(at, '/')); at++) {
        *at = 0;
        if (sys_lstat(file, &status)) {
            struct stat real;
            int rights = syscall(SYS_newfstatat, AT_FDCWD, file + strlen(layer), &real, 0) ? 0755 : real.st_mode & 07777;
            if (sys_mkdir(file, 0700) && errno != EEXIST)
                return -1;
            syscall(SYS_fchmodat, AT_FDCWD, file, rights | 0700);
        } else if (!S_ISDIR(status.st_mode)) {
            errno = ENOTDIR; /* it was not there before, so nothing below it was */
            return -1;
        }
        *at = '/';
    }
    return 0;
}

static int copy_content(const char *from, int to)
{
    int source = sys_open(from, O_RDONLY, 0);
    ssize_t sent;
    if (source < 0)
        return -1;
    while ((sent = syscall(SYS_copy_file_range, source, NULL, to, NULL, (size_t)1 << 30, 0)) > 0)
        ;
    if (sent < 0)
        while ((sent = sendfile(to, source, NULL, 1 << 30)) > 0)
            ;
    int error = errno;
    close(source);
    errno = error;
    return sent < 0 ? -1 : 0;
}

/* Copy a file or link so that it appears whole under its name; one that is there already stays. */
static int copy(const char *from, const struct stat *status, const char *to, int empty)
{
    char work[PATH_MAX], target[PATH_MAX];
    static int count;
    if (S_ISLNK(status->st_mode))
        return sys_readlink(from, target, sizeof target) < 0 || (syscall(SYS_symlinkat, target, AT_FDCWD, to) && errno != EEXIST) ? -1 : 0;
    if (snprintf(work, PATH_MAX, "%s.autotune-%d-%d", to, (int)getpid(), __sync_fetch_and_add(&count, 1)) >= PATH_MAX)
        return errno = ENAMETOOLONG, -1;
    int made = sys_open(work, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (made < 0)
        return -1;
    struct timespec times[2] = {status->st_atim, status->st_mtim};
    int failed = empty ? 0 : copy_content(from, made);
    syscall(SYS_fchmod, made, status->st_mode & 07777);
    syscall(SYS_utimensat, made, NULL, times, 0);
    close(made);
    if (!failed && syscall(SYS_linkat, AT_FDCWD, work, AT_FDCWD, to, 0) && errno != EEXIST)
        failed = -1;
    int error = errno;
    sys_unlink(work);
    errno = error;
    return failed;
}

static int mark(const char *file)
{
    if (!syscall(SYS_mknodat, AT_FDCWD, file, S_IFCHR | 0600, makedev(0, 0)) || errno == EEXIST)
        return 0;
    return syscall(SYS_symlinkat, REMOVED, AT_FDCWD, file) && errno != EEXIST ? -1 : 0;
}

/* A folder of compiled modules or mechanisms: any run makes it, and the next one is glad of it. */
static int is_cache(const char *name)
{
    struct utsname system;
    for (const char *at = name; (at = strchr(at, '/')); at++) {
        size_t length = strcspn(at + 1, "/");
        if (length == strlen("__pycache__") && !strncmp(at + 1, "__pycache__", length))
            return 1;
        if (!uname(&system) && length == strlen(system.machine) && !strncmp(at + 1, system.machine, length))
            return 1;
    }
    return 0;
}

/* The watched run: what is there now is what was there before it, unless that is known already. */
static void remember(const struct place *found)
{
    char to[PATH_MAX];
    struct stat status;
    size_t length = strlen(found->name);
    if (is_cache(found->name) || join(to, prefix[BEFORE], found->name) || !sys_lstat(to, &status))
        return;
    if (length < 2 || make_folders(prefix[BEFORE], found->name))
        return;
    if (!found->there)
        mark(to);
    else if (S_ISDIR(found->status.st_mode)) /* what is in it is remembered by the calls that change that */
        sys_mkdir(to, (found->status.st_mode & 07777) | 0700);
    else if (S_ISREG(found->status.st_mode) || S_ISLNK(found->status.st_mode))
        copy(found->name, &found->status, to, 0);
}

int may_change_folder(const struct place *found)
{
    char folder[PATH_MAX];
    struct stat status;
    unsigned merged;
    strcpy(folder, found->name);
    *(strrchr(folder, '/') + (strrchr(folder, '/') == folder)) = 0;
    enum layer layer = look(folder, found->around, &status, &merged);
    if (layer == LAYERS || !(merged & BIT(REAL)))
        return 0;
    return syscall(SYS_faccessat, AT_FDCWD, folder, W_OK);
}

static int may_write(const struct place *found)
{
    if (!found->there)
        return may_change_folder(found);
    if (S_ISLNK(found->status.st_mode) || found->layer == UPPER)
        return 0;
    return syscall(SYS_faccessat, AT_FDCWD, found->file, W_OK);
}

void open_over_mark(struct place *made)
{
    struct stat status;
    if (mode == REDIRECT && !made->there && !sys_lstat(made->file, &status) && is_mark(made->file, &status))
        sys_unlink(made->file);
}

int prepare(struct place *found, int empty)
{
    char to[PATH_MAX];
    if (!found->name[0])
        return -1;
    if (mode == WATCH) {
        int error = errno;
        remember(found);
        errno = error;
        return 0;
    }
    if (found->there && found->layer == UPPER && !S_ISDIR(found->status.st_mode))
        return 0;
    if (may_write(found) || join(to, prefix[UPPER], found->name) || make_folders(prefix[UPPER], found->name))
        return -1;
    if (!found->there) {
        open_over_mark(found);
    } else if (S_ISDIR(found->status.st_mode)) {
        if (sys_mkdir(to, (found->status.st_mode & 07777) | 0700) && errno != EEXIST)
            return -1;
    } else if (!S_ISREG(found->status.st_mode) && !S_ISLNK(found->status.st_mode)) {
        return 0; /* a device or a pipe is written where it is */
    } else if (copy(found->file, &found->status, to, empty)) {
        return -1;
    }
    if (!found->there || !S_ISDIR(found->status.st_mode))
        found->layer = UPPER;
    strcpy(found->file, to);
    return 0;
}

int is_below(const struct place *found)
{
    struct stat status;
    unsigned merged;
    return look(found->name, found->around & ~BIT(UPPER), &status, &merged) != LAYERS;
}

int hide(const struct place *gone)
{
    char file[PATH_MAX];
    if (mode != REDIRECT || !is_below(gone))
        return 0;
    if (join(file, prefix[UPPER], gone->name) || make_folders(prefix[UPPER], gone->name))
        return -1;
    return mark(file);
}

int bring_tree(struct place *found)
{
    /* By the calls that this library offers, which show the merged folder. */
    char inside[PATH_MAX], to[PATH_MAX];
    enum layer target = mode == WATCH ? BEFORE : UPPER;
    if (join(to, prefix[target], found->name) || make_folders(prefix[target], found->name))
        return -1;
    if (sys_mkdir(to, (found->status.st_mode & 07777) | 0700) && errno != EEXIST)
        return -1;
    DIR *folder = opendir(found->name);
    if (!folder)
        return -1;
    struct dirent *entry;
    int failed = 0;
    while (!failed && (entry = readdir(folder))) {
        struct place child;
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        if (snprintf(inside, PATH_MAX, "%s/%s", found->name, entry->d_name) >= PATH_MAX || find(AT_FDCWD, inside, 0, &child))
            failed = -1;
        else if (child.kept)
            continue;
        else if (child.there && S_ISDIR(child.status.st_mode))
            failed = bring_tree(&child);
        else if (child.there)
            failed = prepare(&child, 0);
    }
    closedir(folder);
    return failed;
}
