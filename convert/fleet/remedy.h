/* remedy.h: what is to be done about an image that failed: a command by its error's class. */
#ifndef CONVERT_FLEET_REMEDY_H
#define CONVERT_FLEET_REMEDY_H

struct remedy_of {
    const char *class;           /* name of an error's class */
    const char *text;            /* of the error; may be NULL */
    const char *action;          /* "convert", "normalise", "copy", "repair"; NULL: convert */
    const char *source, *target; /* references; NULL: not known */
};

/* For a shell, on one line: names that come from elsewhere are quoted. To be freed; NULL where
 * nothing is known that helps, or memory ends. */
char *remedy_make(const struct remedy_of *of);

#endif
