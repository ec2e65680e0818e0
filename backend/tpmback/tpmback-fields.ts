/**
 * The fields of a tpmback's private state by which a live run and the simulator are compared. Not compared is the number
 * that only onlookers give to a request.
 */
import { type NamedField, namedFields } from '../../protocol/field-values.js';
import { type TpmbackV2, TpmbackV2State } from './v2.js';

export function tpmbackFields({ services }: TpmbackV2): readonly NamedField[] {
  return namedFields('tpmback', TpmbackV2State.fields, services.page, ['ordinal']);
}
