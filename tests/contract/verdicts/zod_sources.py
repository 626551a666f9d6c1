"""Generated Zod schemas, as the expressions that people write."""

# ruff: noqa: E501 - tables are read by column

from __future__ import annotations

from random import Random
from typing import Final

_BOTH: Final = (
    *("z.string()", "z.string().min(1)", "z.string().min(2).max(4)", "z.string().length(3)", "z.string().max(2)", "z.string().nonempty()"),
    *("z.string().regex(/^[a-z]+$/)", "z.string().regex(/^ab/i)", "z.string().regex(/b$/m)", "z.string().regex(/^\\d+$/)", "z.string().regex(/^.{2}$/)"),
    *("z.string().regex(/^\\p{L}+$/u)", "z.string().regex(/^a/).regex(/c/)", "z.string().regex(/^id-\\d+$/).max(5)", "z.string().regex(/^(?!x)\\w+$/)", "z.string().regex(/^\\S+\\s?$/)"),
    *("z.string().startsWith('a').endsWith('b')", "z.string().includes('b')", "z.string().startsWith('a.').max(9)"),
    *("z.string().trim()", "z.string().trim().min(1)", "z.string().trim().max(3)", "z.string().trim().email()", "z.string().min(2).trim()", "z.string().toLowerCase().regex(/^[a-z]+$/)"),
    *("z.string().email()", "z.string().url()", "z.string().uuid()", "z.string().datetime()", "z.string().datetime({ offset: true })", "z.string().datetime({ precision: 3 })"),
    *("z.string().cuid()", "z.string().cuid2()", "z.string().ulid()", "z.string().emoji()", "z.string().email().min(8).max(20)", "z.string().uuid().nullable()"),
    *("z.number()", "z.number().int()", "z.number().int().min(1).max(10)", "z.number().gt(0).lt(5)", "z.number().positive()", "z.number().nonnegative()", "z.number().negative()"),
    *("z.number().multipleOf(5)", "z.number().multipleOf(7)", "z.number().min(0).multipleOf(3)", "z.number().multipleOf(0.1)", "z.number().multipleOf(0.25).min(0)", "z.number().finite()", "z.number().int().positive().max(100)", "z.number().safe()"),
    *("z.number().min(0.5).max(2.5)", "z.number().step(0.01)", "z.number().int().gte(-5).lt(10)", "z.number().nullable()"),
    *("z.boolean()", "z.null()", "z.any()", "z.unknown()", "z.never()", "z.undefined()", "z.nan()", "z.bigint()", "z.void()", "z.instanceof(Date)"),
    *("z.literal('red')", "z.literal(5)", "z.literal(true)", "z.literal(null)", "z.enum(['red', 'green'])", "z.nativeEnum({ LOW: 'low', HIGH: 'high' })", "z.nativeEnum({ A: 0, B: 5 })"),
    *("z.date()", "z.date().nullable()", "z.date().min(new Date(0)).max(new Date(1.6e12))", "z.array(z.date())", "z.union([z.date(), z.number()])", "z.union([z.string().max(4), z.object({ at: z.date() })])"),
    *("z.coerce.number()", "z.coerce.number().int().min(1)", "z.coerce.string()", "z.coerce.string().min(2)", "z.coerce.boolean()", "z.coerce.date()", "z.coerce.bigint()"),
    *("z.string().transform((text) => text.length)", "z.string().transform(Number).pipe(z.number().min(3))", "z.string().transform((text) => new Date(text)).pipe(z.date())"),
    *("z.preprocess((value) => Number(value), z.number().max(10))", "z.preprocess((value) => value ?? 1, z.number())", "z.preprocess((value) => value ?? undefined, z.string().optional())", "z.preprocess((v) => v, z.object({ a: z.string() }))"),
    *("z.string().refine((text) => text !== 'abc')", "z.number().refine((n) => n % 2 === 0)", "z.string().superRefine((text, c) => { if (text.length > 3) c.addIssue({ code: 'custom', message: 'long' }) })"),
    *("z.string().refine(async (text) => text !== 'ab')", "z.string().catch('x')", "z.object({ a: z.number().catch(1) })", "z.array(z.string()).catch([])", "z.string().default('x')"),
    *("z.array(z.string())", "z.array(z.number().int()).min(1).max(3)", "z.array(z.boolean()).nonempty()", "z.array(z.string()).length(2)", "z.string().array().optional()"),
    *("z.tuple([z.string(), z.number()])", "z.tuple([z.string()]).rest(z.number().int())", "z.tuple([])", "z.record(z.string(), z.number())", "z.record(z.string().min(2), z.boolean())"),
    *("z.record(z.string().regex(/^x/), z.number())", "z.set(z.string())", "z.map(z.string(), z.number())", "z.record(z.enum(['red', 'blue']), z.number())"),
    *("z.string().brand('id')", "z.number().readonly()", "z.string().nullish()", "z.string().describe('a text')", "z.lazy(() => z.string().min(2))", "z.symbol()"),
    *("z.object({ toString: z.string().optional() })", "z.object({ constructor: z.number() })", "z.object({ items: z.array(z.number()), additionalItems: z.string() })"),
    "z.intersection(z.object({ a: z.string() }), z.object({ b: z.number() }))",
    "z.intersection(z.object({ a: z.string() }).strict(), z.object({ b: z.number() }))",
    "z.intersection(z.object({ a: z.string() }).strict(), z.object({ b: z.number() }).strict())",
    "z.object({ a: z.string() }).and(z.record(z.string(), z.string()))",
    "z.intersection(z.string().min(2), z.string().max(3))",
    "z.union([z.string().regex(/^a/), z.number().int()])",
    "z.union([z.object({ at: z.date() }), z.object({ id: z.string().optional() }).strict()])",
    "z.discriminatedUnion('kind', [z.object({ kind: z.literal('circle'), r: z.number() }), z.object({ kind: z.literal('square'), a: z.number() }).strict()])",
    "z.discriminatedUnion('kind', [z.object({ kind: z.enum(['red', 'blue']), n: z.string() }), z.object({ kind: z.literal('ping') })])",
    "z.object({ a: z.string(), b: z.number() }).partial()",
    "z.object({ a: z.string(), b: z.number() }).pick({ a: true }).extend({ c: z.boolean() })",
    "z.object({ a: z.string().optional(), b: z.string() }).required()",
    "z.object({ a: z.string(), b: z.number().optional() }).refine((o) => o.b !== 5)",
    "z.object({ a: z.string() }).transform((o) => o.a)",
    "z.object({ a: z.string() }).keyof()",
    "z.object({ a: z.object({ b: z.string() }).strict() }).passthrough()",
    "(() => { const node = z.object({ name: z.string(), children: z.lazy(() => z.array(node)) }); return node })()",
    "(() => { const node = z.object({ value: z.number(), next: z.lazy(() => node.nullable().optional()) }).strict(); return node })()",
    "(() => { const part = z.object({ x: z.number() }); return z.object({ t: z.tuple([part, part]), u: part, additionalItems: part }) })()",
    "(() => { const part = z.object({ x: z.string().max(2) }); return z.tuple([part, z.string()]).rest(part) })()",
)  # fmt: skip

_ZOD_4: Final = (
    *("z.email()", "z.url()", "z.httpUrl()", "z.uuid()", "z.uuidv4()", "z.guid()", "z.emoji()", "z.nanoid()", "z.cuid2()", "z.ulid()", "z.xid()", "z.ksuid()", "z.jwt()", "z.e164()"),
    *("z.ipv4()", "z.ipv6()", "z.cidrv4()", "z.cidrv6()", "z.mac()", "z.hostname()", "z.hex()", "z.base64()", "z.base64url()", "z.hash('md5')"),
    *("z.email({ pattern: z.regexes.html5Email })", "z.email({ pattern: z.regexes.unicodeEmail })", "z.url({ protocol: /^https$/ })", "z.url({ normalize: true })"),
    *("z.iso.date()", "z.iso.time()", "z.iso.time({ precision: -1 })", "z.iso.datetime()", "z.iso.datetime({ offset: true })", "z.iso.datetime({ local: true })", "z.iso.duration()"),
    *("z.iso.datetime({ local: true, offset: true })", "z.iso.datetime({ precision: 3 })", "z.int()", "z.int32()", "z.uint32()", "z.float32()", "z.float64()", "z.int64()"),
    *("z.stringbool()", "z.json()", "z.file()", "z.literal(['red', 5, null])", "z.templateLiteral(['id-', z.number()])", "z.templateLiteral([z.enum(['a', 'b']), z.string()])", "z.xor([z.string().min(2), z.string().max(3)])"),
    *("z.string().lowercase()", "z.string().uppercase().min(2)", "z.string().normalize().max(2)", "z.string().slugify().max(4)", "z.email().trim()", "z.iso.date().nullable()", "z.string().overwrite((t) => t.slice(0, 2)).max(2)"),
    *("z.strictObject({ a: z.string() })", "z.looseObject({ a: z.int32() })", "z.object({ a: z.string() }).catchall(z.number())", "z.partialRecord(z.enum(['red', 'blue']), z.number())"),
    *("z.looseRecord(z.string().regex(/^x/), z.number())", "z.record(z.uuid(), z.number())", "z.record(z.number(), z.string())", "z.object({ a: z.string().prefault('x'), b: z.number().exactOptional() })"),
    *("z.tuple([z.string(), z.number().optional()])", "z.string().or(z.number()).or(z.null())", "z.pipe(z.string(), z.string().max(3))", "z.codec(z.iso.datetime(), z.date(), { decode: (t) => new Date(t), encode: (d) => d.toISOString() })"),
    *("z.object({ a: z.string().check(z.minLength(2)) })", "z.string().check(z.trim(), z.maxLength(2))", "z.nonoptional(z.string().optional())", "z.number().overwrite((n) => Math.min(n, 5)).max(5)", "z.array(z.number()).overwrite((a) => a.slice(0, 1)).max(1)"),
    "z.strictObject({ name: z.string(), get child() { return z.strictObject({ name: z.string() }).optional() } })",
    "(() => { const node = z.object({ name: z.string().max(3), get next() { return node.nullable() } }); return node })()",
)  # fmt: skip

_ZOD_3: Final = (
    *("z.string().ip()", "z.string().ip({ version: 'v4' })", "z.string().email().or(z.string().url())"),
    *("z.string().email({ message: 'no' })", "z.object({ a: z.string() }).merge(z.object({ b: z.date() }))", "z.object({ a: z.string() }).catchall(z.number())"),
)  # fmt: skip

_ZOD_3_25: Final = (
    *("z.string().time()", "z.string().date()", "z.string().duration()", "z.string().datetime({ local: true })", "z.string().datetime({ local: true, offset: true })"),
    *("z.string().base64()", "z.string().base64url()", "z.string().nanoid()", "z.string().jwt()", "z.string().cidr()", "z.string().ip()", "z.string().email()", "z.string().trim().url()"),
    *("z.coerce.number().nullable()", "z.union([z.coerce.number(), z.string()])", "z.preprocess((v) => v, z.object({ a: z.string() })).or(z.null())"),
    *("z.string().uuid()", "z.string().date().nullable()", "z.string().includes('b')", "z.number().int().positive()", "z.tuple([z.string().time()]).rest(z.date())"),
    "(() => { const part = z.object({ x: z.number() }); return z.object({ a: z.preprocess((v) => v, part), b: part, c: part }) })()",
)  # fmt: skip

LEAVES: Final = {"zod 4": (*_BOTH, *_ZOD_4), "zod 3.22": (*_BOTH, *_ZOD_3), "zod 3.25": (*_ZOD_3_25, *_BOTH)}
_WRAPPERS: Final = (".optional()", ".nullable()", ".nullish()", "")
_SHAPES: Final = ("", "", ".strict()", ".passthrough()")


def zod_sources(library: str, count: int, seed: str) -> list[str]:
    """Every leaf once as a member of an object, then random compositions of them: `count` expressions over `z`."""
    random, leaves = Random(f"{seed} {library}"), LEAVES[library]
    sources = [f"z.object({{ a: {leaf}, b: z.string().optional() }})" for leaf in leaves[:count]]
    return sources + [_composed(random, leaves, 3) for _ in range(count - len(sources))]


def _composed(random: Random, leaves: tuple[str, ...], depth: int) -> str:
    if depth == 0 or random.random() < 0.2:
        return random.choice(leaves)

    def inner() -> str:
        return _composed(random, leaves, depth - 1)

    match random.randrange(8):
        case 0 | 1 | 2:
            members = ", ".join(f"{name}: {inner()}{random.choice(_WRAPPERS)}" for name in random.sample("abcdef", 3))
            return f"z.object({{ {members} }}){random.choice(_SHAPES)}"
        case 3:
            return f"z.array({inner()}){random.choice(('', '.min(1)', '.max(2)', '.length(1)'))}"
        case 4:
            return f"z.union([{inner()}, {inner()}, {inner()}])"
        case 5:
            return f"z.tuple([{inner()}, {inner()}]){random.choice(('', f'.rest({inner()})'))}"
        case 6:
            return f"z.record(z.string(), {inner()})"
        case _:
            kinds = ", ".join(f"z.object({{ kind: z.literal('{kind}'), v: {inner()} }})" for kind in ("ping", "pong"))
            return f"z.discriminatedUnion('kind', [{kinds}])"
