const LANGUAGES: Record<string, string> = { typescript: 'TypeScript', javascript: 'JavaScript', python: 'Python', ruby: 'Ruby' }

/** Language of a step as it writes itself. */
export const languageWords = (language: string): string => LANGUAGES[language] ?? language

/** Short text for a name, so that an empty one or one of spaces is seen. */
export const nameWords = (name: string): string => (name.trim() === '' ? JSON.stringify(name) : name)
