import { type SidebarText, sidebarApi } from './sidebar-api.ts'

/** What stands in the tab before the first deploy: three steps, and a tour that points at them. */
export function emptyTab(texts: SidebarText): JQuery {
  const steps = ['first', 'second', 'third'].map((step) => $('<li>').text(texts(`empty.${step}`)))
  const box = $('<div class="rowline-empty">').append($('<p>').text(texts('empty.title')), $('<ol>').append(...steps))
  const { tourGuide } = sidebarApi()
  if (!tourGuide) return box
  const button = $('<button type="button" class="red-ui-button">').text(texts('empty.tour'))
  return box.append(button.on('click', () => runTour(texts)))
}

/** Node-RED loads a tour as a module from an address. */
function runTour(texts: SidebarText): void {
  const steps = [
    { element: '#red-ui-header-button-sidemenu', direction: 'bottom', description: texts('tour.menu') },
    { element: '#red-ui-palette', direction: 'right', description: texts('tour.palette') },
    { element: '#red-ui-header-button-deploy', direction: 'bottom', description: texts('tour.deploy') },
    { element: '.rowline-sidebar', direction: 'left', description: texts('tour.tab') },
  ].map((step) => ({ title: texts('tab'), width: 320, ...step }))
  const module = new Blob([`export default ${JSON.stringify({ steps })}`], { type: 'text/javascript' })
  sidebarApi().tourGuide?.run(URL.createObjectURL(module))
}
