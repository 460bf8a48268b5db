import { html, type Markup } from './html.ts';
import { count } from './status-text.ts';
import type { ConfiguredValue } from './status-view.ts';

/** The settings in effect: those that were set or derived come first; the defaults are in a section to expand. */
export function configurationList(configuration: readonly ConfiguredValue[]): Markup {
  const isDefault = ({ origin }: ConfiguredValue): boolean => origin === 'default';
  const chosen = configuration.filter((setting) => !isDefault(setting));
  const defaults = configuration.filter(isDefault);
  return html`${chosen.length === 0 ? html`<p>Nothing is set.</p>` : list(chosen)}
<details data-key="defaults"><summary>${count(defaults.length)} settings have their default</summary>
${list(defaults)}
</details>`;
}

function list(settings: readonly ConfiguredValue[]): Markup {
  return html`<dl class="settings">${settings.map(
    ({ key, value, origin }) => html`<div><dt><code>${key}</code></dt>
<dd><code>${value === '' ? 'none' : value}</code></dd><dd class="soft">${origin}</dd></div>
`,
  )}</dl>`;
}
