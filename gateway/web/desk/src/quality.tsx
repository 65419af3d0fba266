import { qualities } from './model';
import { grade, qualityWords } from './words';

/** How a call sounds, as the worse of its two directions; nothing before it was measured. */
export function QualityMark({ call }: { call: string }) {
  const quality = qualities.value.get(call);
  if (!quality) return null;
  const worst = grade(quality);
  return (
    <span class="quality" data-testid="quality" data-grade={worst} title={qualityWords(quality)}>
      <svg class="quality-bars" viewBox="0 0 14 12" aria-hidden="true" focusable="false">
        <path d="M1.5 12V8" />
        <path d="M5.5 12V5" />
        <path d="M9.5 12V2.5" />
        <path d="M13 12V0" />
      </svg>
      <span class="unseen">Line quality: </span>
      {{ good: 'Good', fair: 'Fair', poor: 'Poor', bad: 'Bad' }[worst]}
    </span>
  );
}
