/** Entry of the page: find the link to the host, open the session, mount the frame. */
import { mount } from 'svelte';
import App from './App.svelte';
import { createApi, hostLink } from './api.ts';
import { Session } from './lib/session.svelte.ts';
import './lib/ui/tokens.css';
import './lib/ui/base.css';

const target = document.getElementById('app');
if (!target) throw new Error('index.html has no #app');
const session = new Session(createApi(hostLink()));
mount(App, { target, props: { session } });
