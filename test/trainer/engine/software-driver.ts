/** A Vulkan driver that imitates a GPU in software, where this machine has one; `undefined` otherwise. */
import { existsSync } from 'node:fs';

const known = [
  '/usr/lib/chromium/vk_swiftshader_icd.json',
  '/opt/google/chrome/vk_swiftshader_icd.json',
  '/usr/share/vulkan/icd.d/lvp_icd.x86_64.json',
  '/usr/share/vulkan/icd.d/lvp_icd.json',
];
export const softwareDriver = process.env.VK_DRIVER_FILES ?? known.find((file) => existsSync(file));
