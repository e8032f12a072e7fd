// A bot on Discord's own kind of client, discord.js: whatever it makes of our fake, Discord's bots would.
// Told the folder it is installed in, the root and the token; says a line of JSON for all that it hears.
import { createRequire } from 'node:module';

const [folder, root, token] = process.argv.slice(2);
const { Client, GatewayIntentBits, Partials, Events, MessageFlags } = createRequire(`${folder}/`)('discord.js');
const say = (line) => console.log(JSON.stringify(line));
const { Guilds, GuildMessages, DirectMessages, MessageContent } = GatewayIntentBits;
const client = new Client({
  intents: [Guilds, GuildMessages, DirectMessages, MessageContent],
  partials: [Partials.Channel, Partials.Message],
  rest: { api: `${root}/api`, version: '10' },
});
client.on(Events.Error, (error) => say({ error: String(error) }));
client.on(Events.ClientReady, async () => {
  const command = { name: 'help', description: 'Helps', contexts: [0, 1] };
  const listed = await client.application.commands.set([command]);
  say({ ready: client.user.id, listed: listed.map((one) => one.name), guilds: client.guilds.cache.size });
});
client.on(Events.MessageCreate, async (message) => {
  if (message.author.bot) return say({ echo: message.content });
  say({ message: message.content, author: message.author.id, direct: message.guildId === null });
  const row = { type: 1, components: [{ type: 2, style: 2, label: 'Yes', custom_id: 'a:1' }] };
  const sent = await message.reply({ content: 'an answer', components: [row], allowedMentions: { parse: [] } });
  const edited = await sent.edit({ content: 'an edit' });
  const file = { attachment: Buffer.from('\x89PNG...', 'latin1'), name: 'image.png' };
  const picture = await message.channel.send({ content: 'a picture', files: [file] });
  await picture.delete();
  say({ sent: sent.id, edited: edited.content });
});
client.on(Events.InteractionCreate, async (interaction) => {
  const ephemeral = { flags: MessageFlags.Ephemeral };
  if (interaction.isButton()) {
    await interaction.deferUpdate();
    await interaction.followUp({ content: 'pressed', ...ephemeral });
    return say({ pressed: interaction.customId, by: interaction.user.id, on: interaction.message.id });
  }
  if (interaction.isChatInputCommand()) {
    await interaction.deferReply(ephemeral);
    await interaction.deleteReply();
    say({ command: interaction.commandName, words: interaction.options.getString('words'), by: interaction.user.id });
  }
});
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
await client.login(token);
