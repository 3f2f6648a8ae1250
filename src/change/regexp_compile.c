/* regexp_compile.c - from a pattern to a program; see regexp.h.
 *
 *     choice   := sequence { "|" sequence }
 *     sequence := { atom [quantifier] }
 *
 * A quantifier repeats the steps that its atom was compiled to, so that there is no tree; {2,5} copies them.
 */
#include <string.h>

#include "dbstep/str.h"
#include "dbstep/vec.h"
#include "regexp.h"

enum { STEPS_MAX = 20000, NESTING_MAX = 100, REPEAT_MAX = 1000, STEP_SLOTS = 2 * (REGEXP_GROUPS_MAX + 1) };

struct compiler {
    struct arena *a;
    const char *p, *end;
    VEC(struct regexp_step) steps;
    struct regexp *re;
    size_t n_slots;
    bool fold, lines, dot_all;
    int depth;
    const char *fault;
};

static bool wrong(struct compiler *c, const char *why)
{
    if (!c->fault)
        c->fault = why;
    return false;
}

static struct regexp_step *emit(struct compiler *c, struct regexp_step step)
{
    if (c->steps.n >= STEPS_MAX)
        wrong(c, "it is too large");
    struct regexp_step *made = VEC_PUSH(c->a, &c->steps);
    *made = step;
    return made;
}

size_t regexp_character(const char *s, const char *end, uint32_t *c)
{
    const unsigned char *b = (const unsigned char *)s;
    size_t n = b[0] < 0x80                   ? 1
               : b[0] >= 0xC2 && b[0] < 0xE0 ? 2
               : b[0] >= 0xE0 && b[0] < 0xF0 ? 3
               : b[0] < 0xF5                 ? 4
                                             : 1;
    if (b[0] >= 0x80 && b[0] < 0xC2)
        n = 1;
    *c = n == 1 ? b[0] : n == 2 ? b[0] & 0x1Fu : n == 3 ? b[0] & 0x0Fu : b[0] & 0x07u;
    if (n > (size_t)(end - s)) {
        *c = b[0];
        return 1;
    }
    for (size_t i = 1; i < n; i++) {
        if ((b[i] & 0xC0) != 0x80) {
            *c = b[0];
            return 1;
        }
        *c = *c << 6 | (b[i] & 0x3Fu);
    }
    return n;
}

/* ---- sets of characters ---- */

static void add_range(struct arena *a, struct regexp_set *set, uint32_t from, uint32_t to)
{
    for (uint32_t ch = from; ch <= to && ch < 128; ch++)
        set->ascii[ch / 64] |= (uint64_t)1 << (ch % 64);
    if (to >= 128)
        *VEC_PUSH(a, set) = (struct regexp_range){from < 128 ? 128 : from, to};
}

static void add_chars(struct arena *a, struct regexp_set *set, const char *chars)
{
    for (; *chars; chars++)
        add_range(a, set, (unsigned char)*chars, (unsigned char)*chars);
}

static void invert(struct regexp_set *set)
{
    set->ascii[0] = ~set->ascii[0];
    set->ascii[1] = ~set->ascii[1];
    set->others = !set->others;
}

static void fold_ascii(struct regexp_set *set)
{
    uint64_t letters = 0x07FFFFFE; /* of the upper word: '@' is bit 0, '`' bit 32 */
    uint64_t upper = set->ascii[1] & letters, lower_case = (set->ascii[1] >> 32) & letters;
    set->ascii[1] |= lower_case | upper << 32;
}

static bool add_posix(struct compiler *c, struct regexp_set *set, const char *name, size_t n)
{
    static const struct {
        const char *name, *ranges; /* pairs */
    } classes[] = {
        {"Lower", "az"},     {"Upper", "AZ"},     {"ASCII", "\001\177"},         {"Alpha", "azAZ"},
        {"Digit", "09"},     {"Alnum", "azAZ09"}, {"Punct", "!/:@[`{~"},         {"Graph", "!~"},
        {"Print", " ~"},     {"Blank", "  \t\t"}, {"Cntrl", "\001\037\177\177"}, {"XDigit", "09afAF"},
        {"Space", "\t\r  "},
    };
    for (size_t i = 0; i < COUNT(classes); i++)
        if (strlen(classes[i].name) == n && memcmp(classes[i].name, name, n) == 0) {
            for (const char *r = classes[i].ranges; *r; r += 2)
                add_range(c->a, set, (unsigned char)r[0], (unsigned char)r[1]);
            return true;
        }
    return wrong(c, "\\p{…} is known for the classes of ASCII only (\\p{Alpha}, \\p{Digit} …)");
}

/* \d, \S, \p{Alpha} …, after the backslash. *known is false when it is none of them. */
static bool class_escape(struct compiler *c, struct regexp_set *set, bool *known)
{
    struct regexp_set own = {0};
    char letter = *c->p;
    *known = true;
    switch (letter) {
    case 'd':
    case 'D': add_range(c->a, &own, '0', '9'); break;
    case 'w':
    case 'W':
        add_range(c->a, &own, 'a', 'z');
        add_range(c->a, &own, 'A', 'Z');
        add_range(c->a, &own, '0', '9');
        add_chars(c->a, &own, "_");
        break;
    case 's':
    case 'S': add_chars(c->a, &own, " \t\n\v\f\r"); break;
    case 'h':
    case 'H':
        add_chars(c->a, &own, " \t");
        static const uint32_t blanks[][2] = {{0xA0, 0xA0},     {0x1680, 0x1680}, {0x180E, 0x180E}, {0x2000, 0x200A},
                                             {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000}};
        for (size_t i = 0; i < COUNT(blanks); i++)
            add_range(c->a, &own, blanks[i][0], blanks[i][1]);
        break;
    case 'v':
    case 'V':
        add_chars(c->a, &own, "\n\v\f\r");
        add_range(c->a, &own, 0x85, 0x85);
        add_range(c->a, &own, 0x2028, 0x2029);
        break;
    case 'p':
    case 'P': {
        const char *from = c->p + 2, *to = c->p[1] == '{' ? strchr(from, '}') : NULL;
        if (!to)
            return wrong(c, "\\p is not followed by {…}");
        if (!add_posix(c, &own, from, (size_t)(to - from)))
            return false;
        c->p = to;
        break;
    }
    default: *known = false; return true;
    }
    c->p++;
    if (letter >= 'A' && letter <= 'Z')
        invert(&own);
    set->ascii[0] |= own.ascii[0];
    set->ascii[1] |= own.ascii[1];
    if (own.others && (set->n || own.n))
        return wrong(c, "a class that is the opposite of another one cannot be united with characters beyond ASCII");
    for (size_t i = 0; i < own.n; i++)
        *VEC_PUSH(c->a, set) = own.at[i];
    set->others = set->others || own.others;
    return true;
}

static bool hexadecimal(struct compiler *c, int digits, uint32_t *ch)
{
    *ch = 0;
    for (int i = 0; i < digits; i++, c->p++) {
        char d = *c->p;
        int value = d >= '0' && d <= '9'   ? d - '0'
                    : d >= 'a' && d <= 'f' ? d - 'a' + 10
                    : d >= 'A' && d <= 'F' ? d - 'A' + 10
                                           : -1;
        if (value < 0)
            return wrong(c, "a hexadecimal escape is too short");
        *ch = *ch << 4 | (uint32_t)value;
    }
    return true;
}

/* The character of an escape, after the backslash. */
static bool character_escape(struct compiler *c, uint32_t *ch)
{
    static const char letters[] = "tnrfae", meant[] = "\t\n\r\f\a\033";
    char letter = *c->p;
    const char *hit = letter ? strchr(letters, letter) : NULL;
    if (!letter)
        return wrong(c, "it ends in a backslash");
    if (hit) {
        *ch = (unsigned char)meant[hit - letters];
        c->p++;
        return true;
    }
    if (letter == 'x' || letter == 'u') {
        c->p++;
        return hexadecimal(c, letter == 'x' ? 2 : 4, ch);
    }
    if (letter == '0') {
        int n = 0;
        for (c->p++, *ch = 0; n < 3 && *c->p >= '0' && *c->p <= '7' && *ch * 8 < 256; n++, c->p++)
            *ch = *ch * 8 + (uint32_t)(*c->p - '0');
        return n || wrong(c, "an octal escape has no digits");
    }
    if ((letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') || (letter >= '1' && letter <= '9'))
        return wrong(c, "a letter is escaped that has no meaning, or one that is not known here");
    c->p += regexp_character(c->p, c->end, ch);
    return true;
}

static bool class_character(struct compiler *c, uint32_t *ch)
{
    if (*c->p != '\\') {
        c->p += regexp_character(c->p, c->end, ch);
        return true;
    }
    c->p++;
    return character_escape(c, ch);
}

static bool bracket(struct compiler *c, struct regexp_set *set)
{
    bool negated = *c->p == '^';
    if (negated)
        c->p++;
    for (bool first = true; first || *c->p != ']'; first = false) {
        uint32_t from, to;
        bool known = false;
        if (c->p >= c->end)
            return wrong(c, "a class is not closed");
        if (*c->p == '[' || (*c->p == '&' && c->p[1] == '&'))
            return wrong(c, "classes within classes are not known here");
        if (*c->p == '\\') {
            c->p++;
            if (!class_escape(c, set, &known))
                return false;
            if (known)
                continue;
            c->p--;
        }
        if (!class_character(c, &from))
            return false;
        to = from;
        if (*c->p == '-' && c->p[1] != ']' && c->p[1] != '[' && c->p[1]) {
            c->p++;
            if (!class_character(c, &to))
                return false;
            if (to < from)
                return wrong(c, "a range runs backwards");
        }
        if (set->others && to >= 128)
            return wrong(c,
                         "a class that is the opposite of another one cannot be united with characters beyond ASCII");
        add_range(c->a, set, from, to);
    }
    c->p++;
    if (c->fold)
        fold_ascii(set);
    if (negated)
        invert(set);
    return true;
}

static void emit_set(struct compiler *c, const struct regexp_set *set)
{
    struct regexp_set *kept = ARENA_NEW(c->a, struct regexp_set);
    *kept = *set;
    emit(c, (struct regexp_step){.op = RX_SET, .set = kept});
}

static void emit_character(struct compiler *c, uint32_t ch)
{
    struct regexp_set set = {0};
    add_range(c->a, &set, ch, ch);
    if (c->fold)
        fold_ascii(&set);
    emit_set(c, &set);
}

/* ---- atoms ---- */

static bool choice(struct compiler *c);

static const char *group_name(struct compiler *c, char close)
{
    const char *from = c->p;
    while (text_word_char(*c->p) && *c->p != '_')
        c->p++;
    if (*c->p != close || c->p == from)
        return wrong(c, "a group's name is malformed"), NULL;
    return arena_strndup(c->a, from, (size_t)(c->p++ - from));
}

static int group_called(const struct regexp *re, const char *name)
{
    for (int i = 1; i <= re->n_groups; i++)
        if (re->names[i] && text_equal(re->names[i], name))
            return i;
    return -1;
}

static bool flags(struct compiler *c)
{
    bool on = true;
    for (;; c->p++) {
        switch (*c->p) {
        case '-': on = false; break;
        case 'i': c->fold = on; break;
        case 'm': c->lines = on; break;
        case 's': c->dot_all = on; break;
        case ')':
        case ':': return true;
        default: return wrong(c, "a group begins with (? and something that is not known here");
        }
    }
}

static bool close_group(struct compiler *c)
{
    if (*c->p != ')')
        return wrong(c, "a closing parenthesis is missing");
    c->p++;
    return true;
}

static bool sub_program(struct compiler *c, enum regexp_op op, int wanted)
{
    size_t at = c->steps.n;
    emit(c, (struct regexp_step){.op = op, .min = wanted});
    if (!choice(c))
        return false;
    emit(c, (struct regexp_step){.op = RX_DONE});
    c->steps.at[at].x = c->steps.n;
    return close_group(c);
}

static bool capture(struct compiler *c, const char *name)
{
    if (c->re->n_groups >= REGEXP_GROUPS_MAX)
        return wrong(c, "it has too many groups");
    size_t group = (size_t)++c->re->n_groups;
    size_t start = c->n_slots++;
    c->re->names[group] = name;
    emit(c, (struct regexp_step){.op = RX_SAVE, .x = start});
    if (!choice(c))
        return false;
    emit(c, (struct regexp_step){.op = RX_CLOSE, .x = group, .y = start});
    return close_group(c);
}

/* After "(". Flags that a group sets end with it; (?i) sets them up to the end of the group around it. */
static bool group(struct compiler *c)
{
    bool fold = c->fold, lines = c->lines, dot_all = c->dot_all, ok;
    if (*c->p != '?') {
        ok = capture(c, NULL);
    } else if (c->p[1] == '=' || c->p[1] == '!') {
        c->p += 2;
        ok = sub_program(c, RX_LOOK, c->p[-1] == '=');
    } else if (c->p[1] == '>') {
        c->p += 2;
        ok = sub_program(c, RX_ATOMIC, 1);
    } else if (c->p[1] == '<' && (c->p[2] == '=' || c->p[2] == '!')) {
        return wrong(c, "looking behind is not known here");
    } else if (c->p[1] == '<') {
        c->p += 2;
        const char *name = group_name(c, '>');
        if (name && group_called(c->re, name) > 0)
            return wrong(c, "two groups have one name");
        ok = name && capture(c, name);
    } else {
        c->p++;
        if (!flags(c))
            return false;
        if (*c->p++ == ')')
            return true;
        ok = choice(c) && close_group(c);
    }
    c->fold = fold, c->lines = lines, c->dot_all = dot_all;
    return ok;
}

static bool back_reference(struct compiler *c)
{
    int number = *c->p++ - '0';
    while (*c->p >= '0' && *c->p <= '9' && number * 10 + (*c->p - '0') <= c->re->n_groups)
        number = number * 10 + (*c->p++ - '0');
    emit(c, (struct regexp_step){.op = RX_AGAIN, .x = (size_t)number, .fold = c->fold});
    return true;
}

static void assertion(struct compiler *c, enum regexp_assert what)
{
    emit(c, (struct regexp_step){.op = RX_ASSERT, .x = what});
}

static bool escape(struct compiler *c)
{
    struct regexp_set set = {0};
    bool known = false;
    uint32_t ch;
    switch (*c->p) {
    case 'b':
    case 'B': assertion(c, *c->p++ == 'b' ? RX_WORD : RX_NOT_WORD); return true;
    case 'A':
    case 'z':
    case 'Z':
        assertion(c, *c->p == 'A' ? RX_START : *c->p == 'z' ? RX_END : RX_END_BEFORE_BREAK);
        c->p++;
        return true;
    case 'k': {
        if (*++c->p != '<')
            return wrong(c, "\\k is not followed by a name");
        c->p++;
        const char *name = group_name(c, '>');
        int number = name ? group_called(c->re, name) : -1;
        if (number < 0)
            return wrong(c, "\\k names a group that does not exist");
        emit(c, (struct regexp_step){.op = RX_AGAIN, .x = (size_t)number, .fold = c->fold});
        return true;
    }
    case 'R': {
        const char *after = c->p + 1, *end = c->end, *pattern = "\\r\\n|\\v";
        c->p = pattern, c->end = pattern + strlen(pattern);
        bool ok = choice(c);
        c->p = after, c->end = end;
        return ok;
    }
    default: break;
    }
    if (*c->p >= '1' && *c->p <= '9')
        return back_reference(c);
    if (!class_escape(c, &set, &known))
        return false;
    if (known) {
        emit_set(c, &set);
        return true;
    }
    if (!character_escape(c, &ch))
        return false;
    emit_character(c, ch);
    return true;
}

static void any_character(struct compiler *c)
{
    struct regexp_set set = {0};
    if (!c->dot_all) {
        add_chars(c->a, &set, "\n\r");
        add_range(c->a, &set, 0x85, 0x85);
        add_range(c->a, &set, 0x2028, 0x2029);
    }
    invert(&set);
    emit_set(c, &set);
}

static bool atom(struct compiler *c)
{
    struct regexp_set set = {0};
    uint32_t ch;
    switch (*c->p) {
    case '(': c->p++; return group(c);
    case '[':
        c->p++;
        if (!bracket(c, &set))
            return false;
        emit_set(c, &set);
        return true;
    case '.':
        c->p++;
        any_character(c);
        return true;
    case '^':
        c->p++;
        assertion(c, c->lines ? RX_LINE_START : RX_START);
        return true;
    case '$':
        c->p++;
        assertion(c, c->lines ? RX_LINE_END : RX_END_BEFORE_BREAK);
        return true;
    case '\\': c->p++; return escape(c);
    case '*':
    case '+':
    case '?':
    case '{': return wrong(c, "a quantifier has nothing to repeat");
    default:
        c->p += regexp_character(c->p, c->end, &ch);
        emit_character(c, ch);
        return true;
    }
}

/* ---- quantifiers ---- */

static bool number(struct compiler *c, int *out)
{
    const char *from = c->p;
    for (*out = 0; *c->p >= '0' && *c->p <= '9'; c->p++)
        if ((*out = *out * 10 + (*c->p - '0')) > REPEAT_MAX)
            return wrong(c, "a quantifier repeats too often");
    return c->p > from || wrong(c, "a quantifier in braces is malformed");
}

static bool quantifier(struct compiler *c, int *min, int *max, enum regexp_greed *greed)
{
    *min = *max = 1;
    *greed = RX_GREEDY;
    switch (*c->p) {
    case '*':
    case '+':
        *min = *c->p == '+';
        *max = REGEXP_ENDLESS;
        break;
    case '?': *min = 0; break;
    case '{':
        c->p++;
        if (!number(c, min))
            return false;
        *max = *min;
        if (*c->p == ',') {
            *max = REGEXP_ENDLESS;
            if (*++c->p != '}' && !number(c, max))
                return false;
        }
        if (*c->p != '}' || (*max != REGEXP_ENDLESS && *max < *min))
            return wrong(c, "a quantifier in braces is malformed");
        break;
    default: return true;
    }
    c->p++;
    if (*c->p == '?' || *c->p == '+')
        *greed = *c->p++ == '?' ? RX_LAZY : RX_POSSESSIVE;
    return true;
}

/* Steps copied to the end, with the jumps inside of them moved along. */
static void copy(struct compiler *c, const struct regexp_step *steps, size_t n, size_t from)
{
    size_t by = c->steps.n - from;
    for (size_t i = 0; i < n && !c->fault; i++) {
        struct regexp_step s = steps[i];
        if (s.op == RX_SPLIT || s.op == RX_JUMP || s.op == RX_PROGRESS || s.op == RX_LOOK || s.op == RX_ATOMIC)
            s.x += by;
        if (s.op == RX_SPLIT)
            s.y += by;
        emit(c, s);
    }
}

static void split(struct compiler *c, size_t at, size_t on, size_t out, enum regexp_greed greed)
{
    c->steps.at[at].op = RX_SPLIT;
    c->steps.at[at].x = greed == RX_LAZY ? out : on;
    c->steps.at[at].y = greed == RX_LAZY ? on : out;
}

/* The steps from `from` on are what the quantifier repeats. */
static void repeat(struct compiler *c, size_t from, int min, int max, enum regexp_greed greed)
{
    size_t n = c->steps.n - from;
    if (n == 1 && c->steps.at[from].op == RX_SET) {
        c->steps.at[from] =
            (struct regexp_step){.op = RX_RUN, .min = min, .max = max, .greed = greed, .set = c->steps.at[from].set};
        return;
    }
    struct regexp_step *body = arena_array(c->a, n + 1, sizeof *body);
    if (n)
        memcpy(body, c->steps.at + from, n * sizeof *body);
    c->steps.n = from;
    if (greed == RX_POSSESSIVE)
        emit(c, (struct regexp_step){.op = RX_ATOMIC});
    for (int i = 0; i < min; i++)
        copy(c, body, n, from);
    if (max == REGEXP_ENDLESS) {
        size_t loop = c->steps.n, slot = c->n_slots++;
        emit(c, (struct regexp_step){.op = RX_SPLIT});
        emit(c, (struct regexp_step){.op = RX_SAVE, .x = slot});
        copy(c, body, n, from);
        emit(c, (struct regexp_step){.op = RX_PROGRESS, .x = loop, .y = slot});
        split(c, loop, loop + 1, c->steps.n, greed);
    } else {
        VEC(size_t) exits = {0};
        for (int i = min; i < max && !c->fault; i++) {
            *VEC_PUSH(c->a, &exits) = c->steps.n;
            emit(c, (struct regexp_step){.op = RX_SPLIT});
            copy(c, body, n, from);
        }
        for (size_t i = 0; i < exits.n; i++)
            split(c, exits.at[i], exits.at[i] + 1, c->steps.n, greed);
    }
    if (greed == RX_POSSESSIVE) {
        emit(c, (struct regexp_step){.op = RX_DONE});
        c->steps.at[from].x = c->steps.n;
    }
}

/* \Q…\E is literal; a quantifier after it belongs to its last character. */
static bool quoted(struct compiler *c)
{
    const char *close = strstr(c->p, "\\E"), *stop = close && close < c->end ? close : c->end;
    size_t last = c->steps.n;
    for (uint32_t ch; c->p < stop;) {
        last = c->steps.n;
        c->p += regexp_character(c->p, stop, &ch);
        emit_character(c, ch);
    }
    c->p = stop == c->end ? stop : stop + 2;
    int min, max;
    enum regexp_greed greed;
    if (!quantifier(c, &min, &max, &greed))
        return false;
    if ((min != 1 || max != 1) && last < c->steps.n)
        repeat(c, last, min, max, greed);
    return true;
}

static bool sequence(struct compiler *c)
{
    while (!c->fault && c->p < c->end && *c->p != '|' && *c->p != ')') {
        size_t from = c->steps.n;
        int min, max;
        enum regexp_greed greed;
        if (*c->p == '\\' && c->p[1] == 'Q') {
            c->p += 2;
            if (!quoted(c))
                return false;
            continue;
        }
        if (!atom(c) || !quantifier(c, &min, &max, &greed))
            return false;
        if (min != 1 || max != 1)
            repeat(c, from, min, max, greed);
    }
    return !c->fault;
}

static bool choice(struct compiler *c)
{
    VEC(size_t) ends = {0};
    if (++c->depth > NESTING_MAX)
        return wrong(c, "its groups are nested too deeply");
    for (;;) {
        size_t from = c->steps.n;
        if (!sequence(c))
            return false;
        if (*c->p != '|' || c->p >= c->end)
            break;
        c->p++;
        /* a split before the alternative, a jump behind it */
        size_t n = c->steps.n - from;
        struct regexp_step *body = arena_array(c->a, n + 1, sizeof *body);
        if (n)
            memcpy(body, c->steps.at + from, n * sizeof *body);
        c->steps.n = from;
        emit(c, (struct regexp_step){.op = RX_SPLIT});
        copy(c, body, n, from);
        *VEC_PUSH(c->a, &ends) = c->steps.n;
        emit(c, (struct regexp_step){.op = RX_JUMP});
        split(c, from, from + 1, c->steps.n, RX_GREEDY);
    }
    for (size_t i = 0; i < ends.n; i++)
        c->steps.at[ends.at[i]].x = c->steps.n;
    c->depth--;
    return true;
}

const struct regexp *regexp_compile(struct arena *a, const char *pattern, const char **fault)
{
    struct regexp *re = ARENA_NEW(a, struct regexp);
    struct compiler c = {.a = a, .p = pattern, .end = pattern + strlen(pattern), .re = re, .n_slots = STEP_SLOTS};
    if (choice(&c) && c.p < c.end)
        wrong(&c, "a closing parenthesis is too many");
    emit(&c, (struct regexp_step){.op = RX_DONE});
    *fault = c.fault;
    /* the slots of steps follow those of the groups, of which there are fewer than were kept free */
    size_t unused = 2 * (size_t)(REGEXP_GROUPS_MAX - re->n_groups);
    for (size_t i = 0; i < c.steps.n; i++) {
        struct regexp_step *s = &c.steps.at[i];
        if (s->op == RX_SAVE)
            s->x -= unused;
        else if (s->op == RX_PROGRESS || s->op == RX_CLOSE)
            s->y -= unused;
    }
    re->steps = c.steps.at;
    re->n_steps = c.steps.n;
    re->n_slots = c.n_slots - unused;
    return c.fault ? NULL : re;
}
