/* Where PiKaraoke lives on this machine: looked for in homes, in Docker's folder and in the list of processes. Blocking; opens
 * and changes nothing of it. */
#ifndef SONGBOOKD_CTL_PIKARAOKE_PLACE_H
#define SONGBOOKD_CTL_PIKARAOKE_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct pikaraoke_place {
    char *home;     /* the folder it was found in; NULL: nothing was found. All texts are owned */
    char *songs;    /* the song folder; NULL: none */
    char *database; /* pikaraoke.db; NULL: none */
    char *said_by;  /* where songs comes from, for a person */
    long files;     /* entries of the song folder; -1 when it cannot be read */
    bool running;   /* a process of it was seen */
    int others;     /* further homes that hold one; the first one counts */
};

/* home: look there only (borrowed), or NULL: in the own home, and with all_users in everyone's. */
void pikaraoke_find(const char *home, bool all_users, struct pikaraoke_place *out);
void pikaraoke_place_deinit(struct pikaraoke_place *p);

/* What a user may not read on the way to `path`: the first folder that bars it (new), or NULL when all of it is readable.
 * user NULL or unknown: the present user. *name_only: it need only be passed through, not listed. Needs root for other users;
 * asks the kernel as that user, so that access lists count, too. */
char *folder_that_bars(const char *user, const char *path, bool *pass_only);

#endif
