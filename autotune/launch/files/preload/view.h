/* What a process sees of the user's files while the library is loaded.
 *
 * Three layers lie over one another: UPPER takes what this run writes, BEFORE holds what the watched run has
 * overwritten since (and marks for what it has made), REAL are the user's files. In the watched run there is only
 * REAL, and BEFORE is filled.
 */
#ifndef AUTOTUNE_VIEW_H
#define AUTOTUNE_VIEW_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/types.h>

enum mode { OFF, WATCH, REDIRECT };
enum layer { UPPER, BEFORE, REAL, LAYERS };

#define BIT(layer) (1u << (layer))
#define OPAQUE ".autotune-opaque"

struct place {
    char name[PATH_MAX];  /* absolute, all links on the way resolved, as the user knows it */
    char file[PATH_MAX];  /* where it lies; where it would be made if it is not there */
    struct stat status;   /* if it is there */
    int there;
    int kept;             /* outside of everything: the call goes on as it is */
    enum layer layer;     /* the uppermost that holds it */
    unsigned layers;      /* those that a folder is merged from */
    unsigned around;      /* those that the folder around it is merged from */
};

extern enum mode mode;
extern const char *prefix[LAYERS];

/* Find where `path` (relative to `folder`, a descriptor or AT_FDCWD) leads; 0, or -1 when that cannot be told and the
 * call must go on as it is. A path that leads nowhere is found, too: `there` is 0 and `name` empty when even the
 * folder that it should lie in is missing; errno says why. */
int find(int folder, const char *path, int follow, struct place *found);

/* Before a change: keep what is there (WATCH), or bring it into UPPER (REDIRECT), without its content if `empty`.
 * 0, or -1 with errno. Afterwards `file` can be written, or made. */
int prepare(struct place *found, int empty);

/* After a removal in UPPER: hide what lies below, if there is anything. */
int hide(const struct place *gone);

int may_change_folder(const struct place *found); /* whether something may be made or removed beside it */
int is_below(const struct place *found); /* whether BEFORE or REAL show it */
int bring_tree(struct place *found);     /* a whole folder into UPPER */
int is_mark(const char *file, const struct stat *status);
void open_over_mark(struct place *made); /* before something new is made where UPPER has a mark */
void leave_word(const char *name);       /* a file beside BEFORE, for the driver (WATCH) */
int own_view(char *name);                /* strip a layer's prefix; whether there was one */

#endif
