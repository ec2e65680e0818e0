/**
 * Says at once whether it can be suspended, instead of waiting until it can. Right only where the bus listens.
 */
import { QuiesceTpmfront } from '../../../frontend/tpmfront/quiesce.js';

const EBUSY = 16;

export class RefusingTpmfront extends QuiesceTpmfront {
  override suspend(): number {
    if (this.state.busy) return EBUSY;
    super.suspend();
    return 0;
  }

  override suspended(): boolean {
    return true;
  }
}
