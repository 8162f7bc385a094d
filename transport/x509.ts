/**
 * X.509 certificates (RFC 5280) written as DER, with ECDSA over P-256. Loaded only by who makes certificates.
 *
 * @module
 */
import {
  BitString,
  Boolean,
  Constructed,
  GeneralizedTime,
  Integer,
  ObjectIdentifier,
  OctetString,
  Primitive,
  Sequence,
  Set,
  UTCTime,
  Utf8String,
} from "asn1js";

/** What {@linkcode encodeCertificate} puts into a certificate. */
export interface CertificateContents {
  /** 1 to 20 bytes, the first below 0x80. */
  readonly serialNumber: Uint8Array;
  /** Common name of who vouches. */
  readonly issuer: string;
  /** Common name of whom it is about. */
  readonly subject: string;
  /** Its time of validity. */
  readonly validFrom: Date;
  readonly validTo: Date;
  /** The subject's public key: a point of P-256, not compressed. */
  readonly publicKey: Uint8Array;
  /** The issuer's, for the key identifier. */
  readonly issuerPublicKey: Uint8Array;
  /** Whether it may vouch for others. */
  readonly isAuthority: boolean;
  /** What it may be used for, when it is no authority's. */
  readonly usages: readonly ("server" | "client")[];
  /** Names and addresses of the subject's host. */
  readonly hosts: readonly string[];
}

/** Anything of asn1js that can be encoded. */
type Node = Sequence["valueBlock"]["value"][number];

const OID = {
  ecPublicKey: "1.2.840.10045.2.1",
  p256: "1.2.840.10045.3.1.7",
  ecdsaWithSha256: "1.2.840.10045.4.3.2",
  commonName: "2.5.4.3",
  subjectKeyIdentifier: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  authorityKeyIdentifier: "2.5.29.35",
  extendedKeyUsage: "2.5.29.37",
  server: "1.3.6.1.5.5.7.3.1",
  client: "1.3.6.1.5.5.7.3.2",
} as const;

/** Bits of keyUsage, the first as the highest: digitalSignature; keyCertSign and cRLSign. */
const KEY_USAGE = { leaf: { bits: 0x80, unused: 7 }, authority: { bits: 0x06, unused: 1 } } as const;

/**
 * Writes a certificate and has it signed.
 *
 * @param sign Makes the issuer's ECDSA signature with SHA-256, r and s of 32 bytes one after the other.
 * @returns The certificate as DER.
 */
export async function encodeCertificate(
  contents: CertificateContents,
  sign: (bytes: Uint8Array<ArrayBuffer>) => Promise<Uint8Array>,
): Promise<Uint8Array> {
  const algorithm = sequence(oid(OID.ecdsaWithSha256));
  const body = sequence(
    tagged(0, new Integer({ value: 2 })), // version 3
    integer(contents.serialNumber),
    algorithm,
    name(contents.issuer),
    sequence(time(contents.validFrom), time(contents.validTo)),
    name(contents.subject),
    sequence(sequence(oid(OID.ecPublicKey), oid(OID.p256)), new BitString({ valueHex: contents.publicKey })),
    tagged(3, sequence(...await extensions(contents))),
  );
  const signature = await sign(new Uint8Array(body.toBER()));
  const der = sequence(integer(signature.subarray(0, 32)), integer(signature.subarray(32))).toBER();
  return new Uint8Array(sequence(body, algorithm, new BitString({ valueHex: der })).toBER());
}

async function extensions(contents: CertificateContents): Promise<Sequence[]> {
  const { isAuthority, usages, hosts } = contents;
  const usage = isAuthority ? KEY_USAGE.authority : KEY_USAGE.leaf;
  const list = [
    extension(OID.basicConstraints, isAuthority ? sequence(new Boolean({ value: true })) : sequence(), true),
    extension(OID.keyUsage, new BitString({ valueHex: bytes(usage.bits), unusedBits: usage.unused }), true),
    extension(
      OID.subjectKeyIdentifier,
      new OctetString({ valueHex: await keyIdentifier(contents.publicKey) }),
    ),
    extension(
      OID.authorityKeyIdentifier,
      sequence(implicit(0, await keyIdentifier(contents.issuerPublicKey))),
    ),
  ];
  if (!isAuthority) {
    list.push(extension(OID.extendedKeyUsage, sequence(...usages.map((use) => oid(OID[use])))));
  }
  if (hosts.length > 0) list.push(extension(OID.subjectAltName, sequence(...hosts.map(generalName))));
  return list;
}

function extension(id: string, value: Node, critical = false): Sequence {
  const parts: Node[] = critical ? [oid(id), new Boolean({ value: true })] : [oid(id)];
  return sequence(...parts, new OctetString({ valueHex: value.toBER() }));
}

/** The first 20 bytes of the key's SHA-256: any unique number will do. */
async function keyIdentifier(publicKey: Uint8Array): Promise<ArrayBuffer> {
  return (await crypto.subtle.digest("SHA-256", publicKey.slice())).slice(0, 20);
}

/** An address as iPAddress, anything else as dNSName. */
function generalName(host: string): Primitive {
  const address = parseAddress(host);
  return address === undefined
    ? implicit(2, new TextEncoder().encode(host).buffer)
    : implicit(7, address.buffer);
}

function parseAddress(host: string): Uint8Array<ArrayBuffer> | undefined {
  if (/^\d+\.\d+\.\d+\.\d+$/.test(host)) return Uint8Array.from(host.split("."), Number);
  if (!host.includes(":")) return undefined;
  // The URL parser writes every IPv6 address in one form, groups of hex with at most one "::".
  const [head = "", tail] = new URL(`http://[${host}]/`).hostname.slice(1, -1).split("::");
  const groups = (text: string): string[] => text === "" ? [] : text.split(":");
  const left = groups(head);
  const right = groups(tail ?? "");
  const words = [...left, ...new Array(8 - left.length - right.length).fill("0"), ...right];
  return Uint8Array.from(words.flatMap((word) => [parseInt(word, 16) >> 8, parseInt(word, 16) & 0xff]));
}

function name(commonName: string): Sequence {
  const attribute = sequence(oid(OID.commonName), new Utf8String({ value: commonName }));
  return sequence(new Set({ value: [attribute] }));
}

/** RFC 5280: UTCTime through 2049, GeneralizedTime from then on, no fractions. */
function time(date: Date): Node {
  const valueDate = new Date(Math.floor(date.getTime() / 1000) * 1000);
  return date.getUTCFullYear() < 2050 ? new UTCTime({ valueDate }) : new GeneralizedTime({ valueDate });
}

/** A number that is not negative, its bytes as short as DER wants them. */
function integer(value: Uint8Array): Integer {
  let start = 0;
  while (start < value.length - 1 && value[start] === 0) start++;
  const significant = value.subarray(start);
  return new Integer({
    valueHex: (significant[0]! >= 0x80 ? bytes(0, ...significant) : significant).slice(),
  });
}

function sequence(...value: Node[]): Sequence {
  return new Sequence({ value });
}

function oid(value: string): ObjectIdentifier {
  return new ObjectIdentifier({ value });
}

function bytes(...values: number[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(values);
}

/** `[tag] EXPLICIT`. */
function tagged(tag: number, content: Node): Constructed {
  return new Constructed({ idBlock: { tagClass: 3, tagNumber: tag }, value: [content] });
}

/** `[tag] IMPLICIT` of something without parts. */
function implicit(tag: number, content: ArrayBuffer): Primitive {
  return new Primitive({ idBlock: { tagClass: 3, tagNumber: tag }, valueHex: content });
}
