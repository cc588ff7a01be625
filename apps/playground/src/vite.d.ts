/** What Vite makes importable beside scripts. */
declare module '*.css' {}
declare module '*?url' {
  const url: string;
  export default url;
}
