export declare const MAKER: string
export declare function isConfig(parent: string | undefined): boolean
export declare function isStubbed(name: string): boolean
export declare function replacement(name: string, parent: string | undefined): { url: string; format?: string } | null
