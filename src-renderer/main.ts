/** Entry of the page: find the link to the host, open the session, mount the frame. */
import { mount } from 'svelte';
import App from './App.svelte';
import { createApi, hostLink } from './api.ts';
import { keptDrafts } from './lib/form/drafts.ts';
import { Session } from './lib/session.svelte.ts';
import './lib/ui/tokens.css';
import './lib/ui/base.css';

const target = document.getElementById('app');
if (!target) throw new Error('index.html has no #app');
const session = Object.assign(new Session(createApi(hostLink())), keptDrafts());
session.offerWhatWasDeleted();
mount(App, { target, props: { session } });
