/* cmd_normalise.c: tartconv normalise. A conversion whose result is in normal form; what is told of
 * it is convert's. */
#include "convert/cli/command.h"

int cmd_normalise(const struct options *options, struct run *run, struct bytes *out,
                  struct error *err)
{
    struct convert_options wanted = options->convert;
    wanted.normalise = true;
    return convert_and_tell(options, &wanted, run, out, err);
}
