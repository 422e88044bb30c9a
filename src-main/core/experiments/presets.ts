/**
 * Ready configs: the paper's and the authors' experiments in both readings where text and code differ
 * (method A.5, L, M), and ours. Adding one is one file in resources/presets and one line in `files`.
 */
import { parseExperimentConfig, type Preset } from '../../contract.ts';
import authorsNotebook from '../../../resources/presets/authors-notebook.json' with { type: 'json' };
import detect64 from '../../../resources/presets/detect-64.json' with { type: 'json' };
import green224 from '../../../resources/presets/green-224.json' with { type: 'json' };
import green32 from '../../../resources/presets/green-32.json' with { type: 'json' };
import imageSig from '../../../resources/presets/imagesig.json' with { type: 'json' };
import mgk32 from '../../../resources/presets/mgk-32.json' with { type: 'json' };
import paperRq1Literal from '../../../resources/presets/paper-RQ1-literal.json' with { type: 'json' };
import paperRq1Practical from '../../../resources/presets/paper-RQ1-practical.json' with { type: 'json' };
import prune32 from '../../../resources/presets/prune-32.json' with { type: 'json' };
import mae32 from '../../../resources/presets/mae-32.json' with { type: 'json' };
import distil32 from '../../../resources/presets/distil-32.json' with { type: 'json' };
import paperRq3 from '../../../resources/presets/paper-RQ3.json' with { type: 'json' };
import paperRq2Heads from '../../../resources/presets/paper-RQ2-heads.json' with { type: 'json' };
import paperRq2 from '../../../resources/presets/paper-RQ2.json' with { type: 'json' };
import quickDemo from '../../../resources/presets/quick-demo.json' with { type: 'json' };
import resNet20 from '../../../resources/presets/resnet-20.json' with { type: 'json' };

interface PresetFile {
  title: string;
  description: string;
  /** What differs from the defaults of the schema. */
  config: unknown;
}

const files: Record<string, PresetFile> = {
  'quick-demo': quickDemo,
  'green-32': green32,
  'green-224': green224,
  'mgk-32': mgk32,
  'prune-32': prune32,
  'mae-32': mae32,
  'distil-32': distil32,
  'resnet-20': resNet20,
  imagesig: imageSig,
  'paper-RQ2': paperRq2,
  'paper-RQ2-heads': paperRq2Heads,
  'paper-RQ3': paperRq3,
  'detect-64': detect64,
  'paper-RQ1-practical': paperRq1Practical,
  'paper-RQ1-literal': paperRq1Literal,
  'authors-notebook': authorsNotebook,
};

/** All presets with complete configs: the quickest, ours, the paper's and the authors'. */
export function presets(): Preset[] {
  return Object.entries(files).map(([id, { title, description, config }]) => {
    const parsed = parseExperimentConfig(config);
    if (!parsed.ok) {
      const { path, message } = parsed.issues[0]!;
      throw new Error(`resources/presets/${id}.json: ${path}: ${message}`);
    }
    return { id, title, description, config: { ...parsed.config, name: title } };
  });
}
