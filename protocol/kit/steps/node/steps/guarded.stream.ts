type Subscription = { groupId: string; id?: string }

export const config = {
  name: 'guarded',
  schema: { type: 'object' },
  canAccess: ({ groupId, id }: Subscription, auth?: { user: string }) => {
    if (groupId === 'broken') throw new Error('broken on purpose')
    // Whatever is true or false to the language.
    return groupId === 'open' ? auth === undefined : groupId === auth?.user ? id : ''
  },
}
