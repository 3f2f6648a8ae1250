/* regexp.c - matching and replacing; see regexp.h.
 *
 * A stack holds what to do when a way fails: another step to go on at, a slot's old value, a run that can give characters back or take
 * more. Whatever a failed way wrote is put back, so that nothing need be reset between two attempts.
 */
#include "regexp.h"

#include <string.h>

#include "dbstep/str.h"
#include "dbstep/vec.h"

enum { NEVER = -1 };

/* A fallback: `step` says which kind. */
struct fallback {
    enum { TRY_STEP, TRY_FEWER, TRY_MORE, PUT_BACK } kind;
    size_t step; /* of PUT_BACK: the slot */
    long from;   /* where to go on; PUT_BACK: the value; TRY_FEWER: the fewest that the run needs */
    long to;     /* TRY_FEWER: where the run ended */
    int taken;   /* TRY_MORE */
};

struct matcher {
    struct arena *a;
    const struct regexp *re;
    const char *text;
    long len;
    long *slots;
    VEC(struct fallback) stack;
    unsigned long long steps_left;
    bool exhausted;
};

static bool spent(struct matcher *m)
{
    if (m->steps_left) {
        m->steps_left--;
        return false;
    }
    m->exhausted = true;
    return true;
}

static bool holds(const struct regexp_set *set, uint32_t c)
{
    if (c < 128)
        return set->ascii[c / 64] >> (c % 64) & 1;
    for (size_t i = 0; i < set->n; i++)
        if (c >= set->at[i].from && c <= set->at[i].to)
            return !set->others;
    return set->others;
}

/* The end of the character at pos when it is one of the set. */
static long one(const struct matcher *m, const struct regexp_set *set, long pos)
{
    uint32_t c;
    if (pos >= m->len)
        return NEVER;
    size_t n = regexp_character(m->text + pos, m->text + m->len, &c);
    return holds(set, c) ? pos + (long)n : NEVER;
}

static long before(const struct matcher *m, long pos)
{
    long start = pos - 1;
    while (start > 0 && pos - start < 4 && ((unsigned char)m->text[start] & 0xC0) == 0x80)
        start--;
    uint32_t c;
    return start + (long)regexp_character(m->text + start, m->text + m->len, &c) == pos ? start : pos - 1;
}

/* ---- assertions ---- */

static uint32_t character_at(const struct matcher *m, long pos)
{
    uint32_t c = 0;
    if (pos >= 0 && pos < m->len)
        regexp_character(m->text + pos, m->text + m->len, &c);
    return c;
}

static bool breaks_line(uint32_t c)
{
    return c == '\n' || c == '\r' || c == 0x85 || c == 0x2028 || c == 0x2029;
}

/* Letters and digits; above ASCII everything but the blocks of punctuation and symbols. */
static bool in_word(uint32_t c)
{
    static const uint32_t marks[][2] = {{0x80, 0xBF},     {0xD7, 0xD7},     {0xF7, 0xF7},     {0x2000, 0x206F},
                                        {0x20A0, 0x2101}, {0x2190, 0x2BFF}, {0x3000, 0x3004}, {0x1F000, 0x1FAFF}};
    if (c < 0x80)
        return text_word_char((char)c);
    if (c == 0xAA || c == 0xB5 || c == 0xBA)
        return true;
    for (size_t i = 0; i < COUNT(marks); i++)
        if (c >= marks[i][0] && c <= marks[i][1])
            return false;
    return true;
}

static bool line_end(const struct matcher *m, long pos)
{
    return breaks_line(character_at(m, pos)) && !(m->text[pos] == '\n' && pos > 0 && m->text[pos - 1] == '\r');
}

static bool last_line_end(const struct matcher *m, long pos)
{
    if (!line_end(m, pos))
        return false;
    uint32_t c;
    long next = pos + (long)regexp_character(m->text + pos, m->text + m->len, &c);
    return next == m->len || (c == '\r' && m->text[next] == '\n' && next + 1 == m->len);
}

static bool asserted(const struct matcher *m, enum regexp_assert what, long pos)
{
    switch (what) {
    case RX_START: return pos == 0;
    case RX_END: return pos == m->len;
    case RX_END_BEFORE_BREAK: return pos == m->len || last_line_end(m, pos);
    case RX_LINE_START: /* not at the end of the text */
        return pos < m->len && (pos == 0 || (breaks_line(character_at(m, before(m, pos))) &&
                                             !(m->text[pos] == '\n' && m->text[pos - 1] == '\r')));
    case RX_LINE_END: return pos == m->len || line_end(m, pos);
    default: {
        bool left = pos > 0 && in_word(character_at(m, before(m, pos)));
        bool right = pos < m->len && in_word(character_at(m, pos));
        return (left != right) == (what == RX_WORD);
    }
    }
}

/* ---- the machine ---- */

static void push(struct matcher *m, struct fallback f)
{
    *VEC_PUSH(m->a, &m->stack) = f;
}

static void save(struct matcher *m, size_t slot, long value)
{
    push(m, (struct fallback){.kind = PUT_BACK, .step = slot, .from = m->slots[slot]});
    m->slots[slot] = value;
}

/* The last fallback above `base` that leads on: where, and with which step. */
static bool fall_back(struct matcher *m, size_t base, size_t *step, long *pos)
{
    while (m->stack.n > base) {
        struct fallback *f = &m->stack.at[m->stack.n - 1];
        switch (f->kind) {
        case PUT_BACK: m->slots[f->step] = f->from; break;
        case TRY_STEP:
            *step = f->step;
            *pos = f->from;
            m->stack.n--;
            return true;
        case TRY_FEWER:
            if (f->to <= f->from)
                break;
            f->to = before(m, f->to);
            *step = f->step + 1;
            *pos = f->to;
            return true;
        case TRY_MORE: {
            const struct regexp_step *s = &m->re->steps[f->step];
            long next = s->max == REGEXP_ENDLESS || f->taken < s->max ? one(m, s->set, f->from) : NEVER;
            if (next == NEVER)
                break;
            f->from = next;
            f->taken++;
            *step = f->step + 1;
            *pos = next;
            return true;
        }
        }
        m->stack.n--;
    }
    return false;
}

/* A set, as often as the step says; where it ends, NEVER when too few are there. */
static long run_of_set(struct matcher *m, size_t step, long pos)
{
    const struct regexp_step *s = &m->re->steps[step];
    int n = 0;
    long enough = s->min ? NEVER : pos;
    while (n < s->min || (s->greed != RX_LAZY && (s->max == REGEXP_ENDLESS || n < s->max))) {
        long next = spent(m) ? NEVER : one(m, s->set, pos);
        if (next == NEVER)
            break;
        pos = next;
        if (n < INT32_MAX)
            n++;
        if (n == s->min)
            enough = pos;
    }
    if (enough == NEVER || m->exhausted)
        return NEVER;
    if (s->greed == RX_LAZY)
        push(m, (struct fallback){.kind = TRY_MORE, .step = step, .from = pos, .taken = n});
    else if (s->greed == RX_GREEDY && pos > enough)
        push(m, (struct fallback){.kind = TRY_FEWER, .step = step, .from = enough, .to = pos});
    return pos;
}

static long same_again(const struct matcher *m, const struct regexp_step *s, long pos)
{
    if ((int)s->x > m->re->n_groups)
        return NEVER;
    long from = m->slots[2 * s->x], to = m->slots[2 * s->x + 1];
    if (from == NEVER || to == NEVER || to - from > m->len - pos)
        return NEVER;
    for (long i = 0; i < to - from; i++) {
        char a = m->text[from + i], b = m->text[pos + i];
        if (s->fold && a >= 'A' && a <= 'Z')
            a = (char)(a + 32);
        if (s->fold && b >= 'A' && b <= 'Z')
            b = (char)(b + 32);
        if (a != b)
            return NEVER;
    }
    return pos + (to - from);
}

/* Keeps what was written above `base`, so that it can be put back, and gives up the other ways. */
static void commit(struct matcher *m, size_t base)
{
    size_t kept = base;
    for (size_t i = base; i < m->stack.n; i++)
        if (m->stack.at[i].kind == PUT_BACK)
            m->stack.at[kept++] = m->stack.at[i];
    m->stack.n = kept;
}

static long run(struct matcher *m, size_t step, long pos);

static long look(struct matcher *m, size_t step, long pos)
{
    const struct regexp_step *s = &m->re->steps[step];
    size_t base = m->stack.n;
    long end = run(m, step + 1, pos);
    if (s->op == RX_ATOMIC) {
        commit(m, base);
        return end;
    }
    if (end != NEVER && !s->min) { /* what it wrote does not count */
        size_t unused;
        commit(m, base);
        fall_back(m, base, &unused, &pos);
        return NEVER;
    }
    commit(m, base);
    return (end != NEVER) == (s->min != 0) ? pos : NEVER;
}

/* Where a match of the program from `step` on ends. The fallbacks that it leaves are above those that were there. */
static long run(struct matcher *m, size_t step, long pos)
{
    size_t base = m->stack.n;
    for (;;) {
        const struct regexp_step *s = &m->re->steps[step];
        size_t next = step + 1;
        if (spent(m))
            return NEVER;
        switch (s->op) {
        case RX_SET: pos = one(m, s->set, pos); break;
        case RX_RUN: pos = run_of_set(m, step, pos); break;
        case RX_SPLIT:
            push(m, (struct fallback){.kind = TRY_STEP, .step = s->y, .from = pos});
            next = s->x;
            break;
        case RX_JUMP: next = s->x; break;
        case RX_SAVE: save(m, s->x, pos); break;
        case RX_CLOSE:
            save(m, 2 * s->x, m->slots[s->y]);
            save(m, 2 * s->x + 1, pos);
            break;
        case RX_PROGRESS:
            if (pos > m->slots[s->y])
                next = s->x;
            break;
        case RX_ASSERT: pos = asserted(m, (enum regexp_assert)s->x, pos) ? pos : NEVER; break;
        case RX_AGAIN: pos = same_again(m, s, pos); break;
        case RX_LOOK:
        case RX_ATOMIC:
            pos = look(m, step, pos);
            next = s->x;
            break;
        case RX_DONE: return pos;
        }
        step = next;
        if (pos == NEVER && (m->exhausted || !fall_back(m, base, &step, &pos)))
            return NEVER;
    }
}

/* ---- replacing ---- */

static long width(const struct matcher *m, long pos)
{
    uint32_t c;
    return pos < m->len ? (long)regexp_character(m->text + pos, m->text + m->len, &c) : 1;
}

static int group_of_name(const struct regexp *re, const char *name, size_t n)
{
    for (int i = 1; i <= re->n_groups; i++)
        if (re->names[i] && strlen(re->names[i]) == n && memcmp(re->names[i], name, n) == 0)
            return i;
    return -1;
}

static const char *add_replacement(const struct matcher *m, const char *with, struct str *out)
{
    for (const char *p = with; *p;) {
        int group = -1;
        if (*p == '\\') {
            if (!*++p)
                return "the replacement ends in a backslash";
            str_addc(out, *p++);
            continue;
        }
        if (*p != '$') {
            str_addc(out, *p++);
            continue;
        }
        if (*++p == '{') {
            size_t n = strcspn(++p, "}");
            group = p[n] ? group_of_name(m->re, p, n) : -1;
            p += n + (p[n] != '\0');
        } else if (*p >= '0' && *p <= '9') {
            group = *p++ - '0';
            while (*p >= '0' && *p <= '9' && group * 10 + (*p - '0') <= m->re->n_groups)
                group = group * 10 + (*p++ - '0');
        }
        if (group < 0 || group > m->re->n_groups)
            return "the replacement names a group that does not exist ($ is written \\$)";
        if (m->slots[2 * group] != NEVER && m->slots[2 * group + 1] != NEVER)
            str_addn(out, m->text + m->slots[2 * group], (size_t)(m->slots[2 * group + 1] - m->slots[2 * group]));
    }
    return NULL;
}

bool regexp_replace_all(struct arena *a, const struct regexp *re, const char *text, const char *with, const char **out,
                        const char **fault)
{
    size_t len = strlen(text);
    struct matcher m = {
        .a = a, .re = re, .text = text, .len = (long)len, .steps_left = 20000000 + 200 * (unsigned long long)len};
    struct str b = str_new(a);
    long done = 0;
    *fault = NULL;
    m.slots = arena_array(a, re->n_slots, sizeof *m.slots);
    for (long from = 0; from <= m.len;) {
        for (size_t i = 0; i < re->n_slots; i++)
            m.slots[i] = NEVER;
        m.stack.n = 0;
        long end = NEVER;
        while (from <= m.len && (end = run(&m, 0, from)) == NEVER && !m.exhausted)
            from += width(&m, from);
        if (m.exhausted) {
            *fault = "matching takes too long: the pattern goes back and forth over the text";
            return false;
        }
        if (end == NEVER)
            break;
        m.slots[0] = from, m.slots[1] = end;
        str_addn(&b, text + done, (size_t)(from - done));
        if ((*fault = add_replacement(&m, with, &b)))
            return false;
        done = end;
        from = end > from ? end : end + width(&m, end);
    }
    str_add(&b, text + done);
    *out = b.s;
    return true;
}
