/* gemm.c - cuts a product into tiles whose panels stay in the caches (Goto, van de Geijn 2008,
 * "Anatomy of high-performance matrix multiplication"; the tile is kernel/training.h).
 *
 * Of the two operands one is packed a block at a time, which stays in the second cache, the other a
 * panel at a time, which stays in the first, and meets all of the block. What is packed by the
 * panel is the larger of the two, since its next panel can be fetched from memory meanwhile:
 *
 *      rows >= columns: blocks of b               rows < columns: blocks of a
 *
 *               | block of b       |                          | panel of b|
 *               | p0 | p1 | p2 | . |  depth                   |           |  depth
 *
 *   panel of a    t    t    t    t                  a: p0       t
 *                 of the next panel               block p1      t
 *                 of a ...                              .       ...
 *
 *   block   | panel 0: [depth][tile_columns or rows] | panel 1 | ...
 *
 * With factors of bfloat16 a panel is [pairs of steps][...], and holds as many steps as fit into
 * the same room. Pieces of depth begin with an even step.
 *
 * A depth larger than panel_depth is gone through piece by piece, each going on from out: the order
 * of an element's sum is that of one chain.
 *
 * Over threads the product is cut into rectangles of out, which share nothing.
 */
#include "tensor/gemm.h"

#include "base/memory.h"
#include "kernel/training.h"

/* Multiply-adds that are worth waking a thread for, and those of a rectangle worth its packing. */
#define GEMM_WORTH_THREADS   ((size_t)1 << 18)
#define GEMM_WORTH_RECTANGLE ((size_t)1 << 24)

struct gemm_workspace {
    struct pool *pool;
    const struct training_kernel *kernel;
    size_t block, panel; /* floats of each thread's block and panel */
    float *floats;       /* [threads][block + panel] */
};

primer_status gemm_workspace_create(struct gemm_workspace **workspace, const struct kernel *kernel,
                                    struct pool *pool, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct gemm_workspace *const made = memory_allocate(1, sizeof *made);
    size_t count;
    if (made == NULL)
        return memory_failure(error, "a product's workspace", sizeof *made);
    made->pool = pool;
    made->kernel = training_kernel_of(kernel);
    const size_t depth = made->kernel->panel_depth, columns = made->kernel->tile_columns;
    const size_t rows = made->kernel->tile_rows, longer = columns > rows ? columns : rows;
    made->block = made->kernel->block_columns * depth + TRAINING_PACK_SLACK;
    made->panel = longer * depth + TRAINING_PACK_SLACK;
    count = pool_size(pool) * (made->block + made->panel);
    made->floats = memory_allocate_aligned(count, sizeof *made->floats);
    if (made->floats == NULL) {
        status = memory_failure(error, "the packed pieces of products", count * sizeof(float));
        memory_free(made);
        return status;
    }
    *workspace = made;
    return status;
}

void gemm_workspace_free(struct gemm_workspace *workspace)
{
    if (workspace == NULL)
        return;
    memory_free(workspace->floats);
    memory_free(workspace);
}

size_t gemm_workspace_bytes(const struct gemm_workspace *workspace)
{
    return sizeof *workspace + pool_size(workspace->pool) * (workspace->block + workspace->panel) *
                                   sizeof *workspace->floats;
}

struct span {
    size_t first, count;
};

/* Part `part` of `parts` about equal ones, whose borders are multiples of `unit`. */
static struct span span_part(struct span whole, size_t unit, size_t parts, size_t part)
{
    const size_t units = (whole.count + unit - 1) / unit, each = units / parts;
    const size_t more = units % parts;
    const size_t first = (part * each + (part < more ? part : more)) * unit;
    const size_t end = ((part + 1) * each + (part + 1 < more ? part + 1 : more)) * unit;
    return (struct span){whole.first + first, (end < whole.count ? end : whole.count) - first};
}

static size_t parts_of(size_t count, size_t most)
{
    return (count + most - 1) / most;
}

/* One operand as both see it: its lanes are a's rows or b's columns. */
struct operand {
    const float *at;
    size_t lane, step;
};

static struct operand operand_a(const struct gemm *product)
{
    return (struct operand){product->a, product->a_row, product->a_step};
}

static struct operand operand_b(const struct gemm *product)
{
    return (struct operand){product->b, product->b_column, product->b_step};
}

static const float *operand_at(const struct operand *operand, size_t lane, size_t step)
{
    return operand->at + lane * operand->lane + step * operand->step;
}

/* The share of tile `tile` of `tiles` in fetching lanes x steps of an operand: a tile of so many
 * steps fetches as many of some lanes, or all lanes of some steps. Nothing, where
 * neither lanes nor steps lie side by side. */
static struct training_ahead ahead_of(const struct operand *operand, struct span lanes,
                                      struct span steps, size_t tile, size_t tiles)
{
    struct training_ahead ahead = {.at = operand_at(operand, lanes.first, steps.first)};
    if (operand->step == 1) {
        ahead.second = TRAINING_AHEAD_STEPS / 2;
        ahead.stride = operand->lane;
        ahead.each = parts_of(lanes.count, tiles);
        ahead.advance = TRAINING_AHEAD_STEPS;
    } else if (operand->lane == 1) {
        ahead.second = lanes.count - 1;
        ahead.stride = operand->step;
        ahead.each = parts_of(TRAINING_AHEAD_STEPS, tiles);
        ahead.advance = TRAINING_AHEAD_STEPS * operand->step;
    }
    ahead.at += tile * ahead.each * ahead.stride;
    return ahead;
}

/* A rectangle of out on its way through one thread. */
struct walk {
    const struct training_kernel *kernel;
    const struct gemm *product;
    struct span steps; /* of depth, at the moment */
    size_t lane;       /* floats of a panel's lane */
    float *block, *panel;
};

static void multiply(const struct walk *walk, struct span rows, struct span columns, const float *a,
                     const float *b, const float *next, struct training_ahead ahead)
{
    const struct gemm *const product = walk->product;
    const bool last = walk->steps.first + walk->steps.count == product->depth;
    (product->bfloat ? walk->kernel->tile_bfloat : walk->kernel->tile)(&(struct training_tile){
        .rows = rows.count,
        .columns = columns.count,
        .depth = walk->steps.count,
        .a = a,
        .b = b,
        .out = product->out + rows.first * product->out_row + columns.first,
        .out_row = product->out_row,
        .accumulate = product->accumulate || walk->steps.first != 0,
        .bias = last && product->bias != NULL ? product->bias + columns.first : NULL,
        .next = next,
        .ahead = ahead,
    });
}

static void pack(const struct walk *walk, const struct operand *operand, struct span lanes,
                 size_t width, float *to)
{
    const struct training_kernel *const kernel = walk->kernel;
    (walk->product->bfloat ? kernel->pack_bfloat : kernel->pack)(
        operand_at(operand, lanes.first, walk->steps.first), operand->lane, operand->step,
        lanes.count, walk->steps.count, width, to);
}

/* Tile `i` of columns: whole ones, and at the end one that may be narrower. */
static struct span tile_of_columns(const struct walk *walk, struct span columns, size_t i)
{
    const size_t width = walk->kernel->tile_columns, first = i * width;
    const size_t left = columns.count - first;
    return (struct span){columns.first + first, left < width ? left : width};
}

/* Tile `i` of rows: `tiles` ones of about the same height. */
static struct span tile_of_rows(struct span rows, size_t tiles, size_t i)
{
    return span_part(rows, 1, tiles, i);
}

static const float *out_at(const struct gemm *product, struct span rows, struct span columns)
{
    return product->out + rows.first * product->out_row + columns.first;
}

/* A block of b, with all rows. */
static void walk_rows(const struct walk *walk, struct span rows, struct span columns)
{
    const struct operand a = operand_a(walk->product), b = operand_b(walk->product);
    const size_t width = walk->kernel->tile_columns, size = width * walk->lane;
    const size_t across = parts_of(columns.count, width);
    const size_t down = parts_of(rows.count, walk->kernel->tile_rows);
    for (size_t j = 0; j < across; j++)
        pack(walk, &b, tile_of_columns(walk, columns, j), width, walk->block + j * size);
    for (size_t i = 0; i < down; i++) {
        const struct span height = tile_of_rows(rows, down, i);
        const struct span below = i + 1 < down ? tile_of_rows(rows, down, i + 1) : height;
        pack(walk, &a, height, height.count, walk->panel);
        for (size_t j = 0; j < across; j++) {
            const bool end = j + 1 == across;
            const struct span next = tile_of_columns(walk, columns, end ? 0 : j + 1);
            multiply(walk, height, tile_of_columns(walk, columns, j), walk->panel,
                     walk->block + j * size, out_at(walk->product, end ? below : height, next),
                     ahead_of(&a, below, walk->steps, j, across));
        }
    }
}

/* A block of a, with all columns. */
static void walk_columns(const struct walk *walk, struct span rows, struct span columns)
{
    const struct operand a = operand_a(walk->product), b = operand_b(walk->product);
    const size_t width = walk->kernel->tile_columns;
    const size_t across = parts_of(columns.count, width);
    const size_t down = parts_of(rows.count, walk->kernel->tile_rows);
    for (size_t i = 0; i < down; i++) {
        const struct span height = tile_of_rows(rows, down, i);
        pack(walk, &a, height, height.count,
             walk->block + (height.first - rows.first) * walk->lane);
    }
    for (size_t j = 0; j < across; j++) {
        const struct span here = tile_of_columns(walk, columns, j);
        const struct span beside = tile_of_columns(walk, columns, j + 1 < across ? j + 1 : j);
        pack(walk, &b, here, width, walk->panel);
        for (size_t i = 0; i < down; i++) {
            const bool end = i + 1 == down;
            const struct span height = tile_of_rows(rows, down, i);
            const struct span next = tile_of_rows(rows, down, end ? 0 : i + 1);
            multiply(walk, height, here, walk->block + (height.first - rows.first) * walk->lane,
                     walk->panel, out_at(walk->product, next, end ? beside : here),
                     ahead_of(&b, beside, walk->steps, i, down));
        }
    }
}

/* Floats that a lane of so many steps takes in a panel. */
static size_t lane_floats(const struct training_kernel *kernel, const struct gemm *product,
                          size_t steps)
{
    return product->bfloat ? (steps + 1) / 2 * kernel->pair_floats : steps;
}

/* A rectangle of out: blocks, and for each the depth in pieces. */
static void run_rectangle(const struct gemm_workspace *workspace, const struct gemm *product,
                          struct span rows, struct span columns, size_t thread)
{
    const struct training_kernel *const kernel = workspace->kernel;
    const bool of_rows = rows.count >= columns.count;
    const struct span longer = of_rows ? columns : rows; /* the one that is cut into blocks */
    const size_t unit = of_rows ? kernel->tile_columns : kernel->tile_rows;
    const size_t most =
        product->bfloat ? kernel->panel_depth / kernel->pair_floats * 2 : kernel->panel_depth;
    const size_t pieces = product->depth > 0 ? parts_of(product->depth, most) : 1;
    const struct span depth = {0, product->depth};
    const size_t blocks = parts_of(longer.count, kernel->block_columns / unit * unit);
    float *const floats = workspace->floats + thread * (workspace->block + workspace->panel);
    struct walk walk = {
        .kernel = kernel, .product = product, .block = floats, .panel = floats + workspace->block};
    for (size_t block = 0; block < blocks; block++) {
        const struct span part = span_part(longer, unit, blocks, block);
        for (size_t piece = 0; piece < pieces; piece++) {
            walk.steps = span_part(depth, 4, pieces, piece);
            walk.lane = lane_floats(kernel, product, walk.steps.count);
            if (of_rows)
                walk_rows(&walk, rows, part);
            else
                walk_columns(&walk, part, columns);
        }
    }
}

void gemm_run_here(struct gemm_workspace *workspace, const struct gemm *product, size_t thread)
{
    if (product->rows == 0 || product->columns == 0)
        return;
    run_rectangle(workspace, product, (struct span){0, product->rows},
                  (struct span){0, product->columns}, thread);
}

/* A product cut into down x across rectangles. */
struct cut {
    const struct gemm_workspace *workspace;
    const struct gemm *product;
    size_t down, across;
};

static void run_task(void *context, size_t task, size_t thread)
{
    const struct cut *const cut = context;
    const struct training_kernel *const kernel = cut->workspace->kernel;
    const struct span rows = {0, cut->product->rows}, columns = {0, cut->product->columns};
    run_rectangle(cut->workspace, cut->product,
                  span_part(rows, kernel->tile_rows, cut->down, task / cut->across),
                  span_part(columns, kernel->tile_columns, cut->across, task % cut->across),
                  thread);
}

/* Of the ways to cut into `count` rectangles the one that packs least; false: none has a tile for
 * each. */
static bool choose(struct cut *cut, size_t count)
{
    const struct training_kernel *const kernel = cut->workspace->kernel;
    const size_t most_down = parts_of(cut->product->rows, kernel->tile_rows);
    const size_t most_across = parts_of(cut->product->columns, kernel->tile_columns);
    size_t least = SIZE_MAX;
    for (size_t down = 1; down <= count && down <= most_down; down++) {
        const size_t across = count / down;
        if (count % down != 0 || across > most_across)
            continue;
        const size_t packed = across * cut->product->rows + down * cut->product->columns;
        if (packed < least) {
            least = packed;
            cut->down = down;
            cut->across = across;
        }
    }
    return least != SIZE_MAX;
}

void gemm_run(struct gemm_workspace *workspace, const struct gemm *product)
{
    const size_t threads = pool_size(workspace->pool);
    struct cut cut = {workspace, product, 1, 1};
    if (product->rows == 0 || product->columns == 0)
        return;
    const size_t work = product->rows * product->columns * product->depth;
    if (threads > 1 && work >= GEMM_WORTH_THREADS) {
        size_t each = work / threads / GEMM_WORTH_RECTANGLE;
        each = each < 1 ? 1 : each > 2 ? 2 : each;
        /* A prime number of threads, or few tiles: somewhat fewer or more rectangles. */
        for (size_t count = threads * each; !choose(&cut, count) && count > 1;)
            count--;
    }
    pool_run(workspace->pool, run_task, &cut, cut.down * cut.across);
}
