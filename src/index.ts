// The public face of `hitherto`: named re-exports only.
export {};
