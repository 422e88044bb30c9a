/** Draws the data embedded in the page into `#report`. */
import { mount } from 'svelte';
import type { ReportData } from '../../src-main/contract.ts';
import '../lib/ui/tokens.css';
import '../lib/ui/base.css';
import './paper.css';
import Report from './Report.svelte';

const target = document.getElementById('report');
const data = document.getElementById('report-data')?.textContent;
if (!target || !data) throw new Error('This page carries no report data.');
// paper is light, whatever the screen prefers
document.documentElement.dataset.theme = 'light';
mount(Report, { target, props: { data: JSON.parse(data) as ReportData } });
