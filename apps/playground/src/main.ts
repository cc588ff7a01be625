import './styles.css';
import { Shell } from './shell/shell.ts';
import { startTheme } from './ui/theme.ts';

startTheme();
new Shell(document.getElementById('app')!).start();
